//! SIGKILL at a chosen system call of a command: at the call that would be its n-th change of a file.
//!
//! The command is traced with `ptrace` (<https://man7.org/linux/man-pages/man2/ptrace.2.html>). Calls are counted over all
//! of its threads, in their order; the chosen one is not executed any more. `strace -e inject` counts separately for each
//! thread and each kind of call, and so never reaches many of these points.

use std::collections::HashSet;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::Command;

use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// Stops the child before the program starts, so that it can be traced from its first call on.
const STARTER: &str = "kill -STOP $$; exec \"$0\" \"$@\"";

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reached {
    /// It was killed before this call.
    Killed {
        /// The call and its path.
        call: String,
    },
    /// It ended by itself.
    Ended {
        /// Its exit code; `None` after a signal.
        code: Option<i32>,
        /// The calls that change a file, with their paths, in order.
        calls: Vec<String>,
        /// The same calls, and those that wait for the disk.
        with_syncs: Vec<String>,
    },
}

/// Runs a command and kills it before its `point`-th change of a file, counted from 1.
///
/// # Errors
///
/// If processes may not be traced.
pub fn run_until(command: &Command, point: usize) -> std::io::Result<Reached> {
    let mut starter = Command::new("/bin/sh");
    starter.arg("-c").arg(STARTER).arg(command.get_program()).args(command.get_args());
    starter.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    starter.current_dir(command.get_current_dir().unwrap_or(Path::new(".")));
    let null = std::process::Stdio::null;
    let mut child = starter.stdin(null()).stdout(null()).stderr(null()).spawn()?;
    let process = Pid::from_raw(i32::try_from(child.id()).expect("process ids are small"));
    let reached = trace(process, point);
    if reached.is_err() {
        // It may have ended already.
        drop(child.kill());
    }
    drop(child.wait());
    Ok(reached?)
}

fn trace(process: Pid, point: usize) -> nix::Result<Reached> {
    use ptrace::Options;
    waitpid(process, Some(WaitPidFlag::WUNTRACED))?;
    let options = Options::PTRACE_O_TRACESYSGOOD
        | Options::PTRACE_O_TRACECLONE
        | Options::PTRACE_O_TRACEFORK
        | Options::PTRACE_O_TRACEVFORK
        | Options::PTRACE_O_TRACEEXEC
        | Options::PTRACE_O_EXITKILL;
    ptrace::seize(process, options)?;
    kill(process, Signal::SIGCONT)?;
    let mut is_started = false;
    let mut inside: HashSet<Pid> = HashSet::new();
    let mut calls = Vec::new();
    let mut with_syncs = Vec::new();
    let mut killed_at = None;
    // The loop also continues after the kill: a process has ended only after each of its threads was waited for.
    loop {
        // Wait for children of this thread only, as other tests wait for theirs.
        let status = waitpid(None, Some(WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD))?;
        let Some(thread) = status.pid() else { continue };
        let mut signal = None;
        match status {
            WaitStatus::Exited(thread, code) if thread == process => {
                return Ok(Reached::Ended { code: Some(code), calls, with_syncs });
            }
            WaitStatus::Signaled(thread, ..) if thread == process => {
                let ended = Reached::Ended { code: None, calls, with_syncs };
                return Ok(killed_at.map_or(ended, |call| Reached::Killed { call }));
            }
            WaitStatus::PtraceEvent(_, _, libc::PTRACE_EVENT_EXEC) => is_started = true,
            WaitStatus::PtraceSyscall(thread) => {
                let is_entry = inside.insert(thread);
                if !is_entry {
                    inside.remove(&thread);
                } else if is_started
                    && killed_at.is_none()
                    && let Some(call) = wait_for_disk(thread)?
                {
                    with_syncs.push(call);
                } else if is_started
                    && killed_at.is_none()
                    && let Some(call) = change(thread)?
                {
                    calls.push(call.clone());
                    with_syncs.push(call.clone());
                    if calls.len() == point {
                        kill(process, Signal::SIGKILL)?;
                        killed_at = Some(call);
                    }
                }
            }
            WaitStatus::Stopped(_, stop) if !matches!(stop, Signal::SIGSTOP | Signal::SIGTRAP) => {
                signal = Some(stop);
            }
            WaitStatus::Exited(..) | WaitStatus::Signaled(..) => {
                inside.remove(&thread);
                continue;
            }
            _ => {}
        }
        match ptrace::syscall(thread, signal) {
            // It was just killed, or is ending.
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(error) => return Err(error),
        }
    }
}

/// Returns the number of a call and its first four arguments.
fn call_of(thread: Pid) -> nix::Result<(i64, [u64; 4])> {
    let registers = ptrace::getregs(thread)?;
    #[cfg(target_arch = "x86_64")]
    let call =
        (registers.orig_rax.cast_signed(), [registers.rdi, registers.rsi, registers.rdx, registers.r10]);
    #[cfg(target_arch = "aarch64")]
    let call = {
        let r = registers.regs;
        (r[8].cast_signed(), [r[0], r[1], r[2], r[3]])
    };
    Ok(call)
}

/// Returns the name of the current call of a thread, if it waits for the disk to write a file, a directory, or a whole file
/// system.
fn wait_for_disk(thread: Pid) -> nix::Result<Option<String>> {
    let (number, [descriptor, ..]) = call_of(thread)?;
    let name = match number {
        libc::SYS_fsync | libc::SYS_fdatasync => "sync",
        libc::SYS_syncfs => "sync-all",
        _ => return Ok(None),
    };
    let path = fs_err::read_link(format!("/proc/{thread}/fd/{descriptor}")).unwrap_or_default();
    Ok(Some(format!("{name} {}", path.display())))
}

/// Returns the name of the current call of a thread, if it changes a file.
fn change(thread: Pid) -> nix::Result<Option<String>> {
    let (number, [first, second, third, _]) = call_of(thread)?;
    let path = |name: &str, address: u64| Some(format!("{name} {}", text_at(thread, address)));
    let flags = |flags: u64| flags & (libc::O_CREAT | libc::O_TRUNC) as u64 != 0;
    let file = |name: &str, descriptor: u64| {
        let link = format!("/proc/{thread}/fd/{descriptor}");
        let target = fs_err::read_link(link).ok()?;
        // Pipes and terminals are ignored.
        let is_file = target.is_absolute() && !target.starts_with("/dev") && !target.starts_with("/proc");
        is_file.then(|| format!("{name} {}", target.display()))
    };
    Ok(match number {
        libc::SYS_openat => flags(third).then(|| path("open", second)).flatten(),
        libc::SYS_renameat | libc::SYS_renameat2 => path("rename", second),
        libc::SYS_linkat => path("link", second),
        libc::SYS_symlinkat => path("symlink", third),
        libc::SYS_unlinkat => path("unlink", second),
        libc::SYS_mkdirat => path("mkdir", second),
        libc::SYS_fchmodat => path("chmod", second),
        libc::SYS_utimensat => path("utime", second),
        libc::SYS_truncate => path("truncate", first),
        libc::SYS_fchmod => file("chmod", first),
        libc::SYS_ftruncate => file("truncate", first),
        libc::SYS_fallocate => file("allocate", first),
        libc::SYS_write | libc::SYS_pwrite64 | libc::SYS_writev => file("write", first),
        libc::SYS_copy_file_range => file("copy to", third),
        libc::SYS_sendfile => file("send to", first),
        // The requests are FICLONE and FICLONERANGE.
        libc::SYS_ioctl if matches!(second, 0x4004_9409 | 0x4020_940d) => file("clone to", first),
        _ => return Ok(old_change(number, first, second, &path, flags)),
    })
}

/// Handles the calls that newer architectures do not have.
#[cfg(target_arch = "x86_64")]
fn old_change(
    number: i64,
    first: u64,
    second: u64,
    path: &dyn Fn(&str, u64) -> Option<String>,
    flags: impl Fn(u64) -> bool,
) -> Option<String> {
    match number {
        libc::SYS_open => flags(second).then(|| path("open", first)).flatten(),
        libc::SYS_creat => path("create", first),
        libc::SYS_rename => path("rename", first),
        libc::SYS_link => path("link", first),
        libc::SYS_symlink => path("symlink", second),
        libc::SYS_unlink => path("unlink", first),
        libc::SYS_rmdir => path("rmdir", first),
        libc::SYS_mkdir => path("mkdir", first),
        libc::SYS_chmod => path("chmod", first),
        _ => None,
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn old_change(
    _number: i64,
    _first: u64,
    _second: u64,
    _path: &dyn Fn(&str, u64) -> Option<String>,
    _flags: impl Fn(u64) -> bool,
) -> Option<String> {
    None
}

/// Reads a zero-terminated text from the memory of a stopped thread.
fn text_at(thread: Pid, address: u64) -> String {
    let Ok(memory) = fs_err::File::open(format!("/proc/{thread}/mem")) else { return String::from("?") };
    let mut bytes = [0; 512];
    let n_read = memory.file().read_at(&mut bytes, address).unwrap_or(0);
    let text = bytes[..n_read].split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}
