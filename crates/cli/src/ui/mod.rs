//! Everything a person or a script gets to see.

mod choice;
mod document;
mod json;
mod message;
mod origin;
mod printer;
mod progress;
mod stream;
pub(crate) mod table;
mod wait;

pub(crate) use choice::{ColourChoice, ProgressChoice};
pub(crate) use document::{Frame, VERSION};
pub(crate) use message::{Colour, Message, OutputFormat, Page};
pub(crate) use origin::OriginLine;
pub(crate) use printer::{Printer, Verbosity};
pub(crate) use progress::{Progress, Surroundings, human_bytes};
pub(crate) use wait::WaitLine;

/// What stands for a secret.
pub(crate) const MASK: &str = "********";

pub use stream::{Captured, Stream, Ui};
