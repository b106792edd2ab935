//! Data sets: the same arguments give the same files.

use std::fs;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result, bail};

/// A small generator of pseudo-random bytes (xorshift64*), so that the data sets need no dependency.
pub(crate) struct Noise(u64);

impl Noise {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let word = self.next().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }
}

/// The contents of a data set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Amount {
    pub(crate) n_files: u64,
    pub(crate) total_bytes: u64,
}

/// Writes the data set of the demo: nested directories, odd names, empty files, one large file.
pub(crate) fn realistic(dir: &Path, n_files: u64, large_mib: u64) -> Result<Amount> {
    const FOLDERS: [&str; 6] = [
        "images/train/cats",
        "images/train/dogs",
        "images/val",
        "labels",
        "raw scans/2026 January",
        "Текст/名前",
    ];
    let mut noise = Noise::new(n_files);
    let mut amount = Amount::default();
    for number in 0..n_files {
        let folder = FOLDERS[usize::try_from(number % 6)?];
        let name = match number % 97 {
            0 => format!("sample {number:05} (copy).bin"),
            1 => format!("größe-{number:05}.txt"),
            2 => format!("emoji-😀-{number:05}.json"),
            3 => format!(".hidden-{number:05}"),
            4 => format!("100%+#{number:05}~'a'.csv"),
            _ => format!("sample-{number:05}.bin"),
        };
        let size = if number % 53 == 0 { 0 } else { noise.next() % 16_384 };
        amount.total_bytes += write_noise(&dir.join(folder).join(name), size, &mut noise)?;
        amount.n_files += 1;
    }
    amount.total_bytes += write_noise(&dir.join("model/weights.bin"), large_mib << 20, &mut noise)?;
    amount.n_files += 1;
    Ok(amount)
}

/// Writes `n_files` files of `size` bytes, 1000 per directory.
pub(crate) fn uniform(dir: &Path, n_files: u64, size: u64) -> Result<Amount> {
    let mut noise = Noise::new(n_files ^ size);
    for number in 0..n_files {
        write_noise(
            &dir.join(format!("{:03}", number / 1000)).join(format!("{number:06}.bin")),
            size,
            &mut noise,
        )?;
    }
    Ok(Amount { n_files, total_bytes: n_files * size })
}

fn write_noise(path: &Path, size: u64, noise: &mut Noise) -> Result<u64> {
    fs::create_dir_all(path.parent().context("a file without a folder")?)?;
    let mut file = BufWriter::with_capacity(1 << 20, fs::File::create(path)?);
    let mut block = vec![0; 64 << 10];
    let mut left = size;
    while left > 0 {
        let length = usize::try_from(left.min(block.len() as u64))?;
        noise.fill(&mut block[..length]);
        file.write_all(&block[..length])?;
        left -= length as u64;
    }
    file.flush()?;
    Ok(size)
}

/// Compares two trees byte for byte and returns their contents.
pub(crate) fn compare(left: &Path, right: &Path) -> Result<Amount> {
    let mut amount = Amount::default();
    let (left_names, right_names) = (names(left)?, names(right)?);
    if left_names != right_names {
        bail!("{} and {} hold different names", left.display(), right.display());
    }
    for name in left_names {
        let (left, right) = (left.join(&name), right.join(&name));
        if left.is_dir() {
            let inner = compare(&left, &right)?;
            amount.n_files += inner.n_files;
            amount.total_bytes += inner.total_bytes;
        } else {
            let bytes = fs::read(&left)?;
            if bytes != fs::read(&right)? {
                bail!("{} and {} differ", left.display(), right.display());
            }
            amount.n_files += 1;
            amount.total_bytes += bytes.len() as u64;
        }
    }
    Ok(amount)
}

fn names(dir: &Path) -> Result<Vec<std::ffi::OsString>> {
    let entries = fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))?;
    let mut names = entries.map(|entry| Ok(entry?.file_name())).collect::<Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}
