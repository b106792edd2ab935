//! A web server of the folders that scenarios fill, for both twins: what depends on a URL must be equal.
//!
//! Files below `etag/` have an entity tag, those below `private/` want the user `me` with the password `secret`, and
//! `moved/PATH` leads to `PATH`. Nothing is written by requests.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};

use anyhow::Result;

/// `me:secret` in base64.
const CREDENTIALS: &str = "Basic bWU6c2VjcmV0";

/// A server that runs as long as the program.
#[derive(Debug)]
pub(super) struct WebServer {
    /// As `http://127.0.0.1:4321`.
    pub(super) url: String,
    /// The folder that it serves.
    pub(super) root: PathBuf,
}

impl WebServer {
    /// Serves a folder on a free port.
    pub(super) fn start(root: &Path) -> Result<Self> {
        fs::create_dir_all(root)?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}", listener.local_addr()?);
        let served = root.to_owned();
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let root = served.clone();
                std::thread::spawn(move || {
                    // A client that went away needs no answer.
                    let _answered = answer(&root, &connection);
                });
            }
        });
        Ok(Self { url, root: root.to_owned() })
    }
}

fn answer(root: &Path, mut connection: &TcpStream) -> Result<()> {
    let mut reader = BufReader::new(connection);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (method, path) =
        (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
    let mut is_allowed = !path.contains("/private/");
    let mut n_bytes = 0;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 || header.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = header.split_once(':') {
            match name.to_ascii_lowercase().as_str() {
                "authorization" => is_allowed |= value.trim() == CREDENTIALS,
                "content-length" => n_bytes = value.trim().parse()?,
                _ => {}
            }
        }
    }
    // Else the connection is reset before the answer is read.
    std::io::copy(&mut reader.take(n_bytes), &mut std::io::sink())?;
    let file = root.join(path.trim_start_matches('/'));
    let is_file = !path.contains("..") && file.is_file();
    let (status, more, body) = if path.contains("/moved/") {
        ("302 Found", format!("Location: {}\r\n", path.replacen("/moved/", "/", 1)), Vec::new())
    } else if !is_allowed {
        ("401 Unauthorized", String::new(), Vec::new())
    } else if !matches!(method.as_str(), "GET" | "HEAD") {
        ("501 Not Implemented", String::new(), Vec::new())
    } else if is_file {
        let body = fs::read(&file)?;
        let tag =
            if path.contains("/etag/") { format!("ETag: \"{}\"\r\n", tag_of(&body)) } else { String::new() };
        ("200 OK", format!("Content-Type: text/plain\r\n{tag}"), body)
    } else {
        ("404 Not Found", String::new(), Vec::new())
    };
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{more}\r\n", body.len());
    connection.write_all(head.as_bytes())?;
    if method != "HEAD" {
        connection.write_all(&body)?;
    }
    Ok(())
}

/// Returns a text that differs for different bytes.
fn tag_of(body: &[u8]) -> String {
    let hash = body.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{}-{hash:016x}", body.len())
}
