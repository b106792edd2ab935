//! YAML as DVC reads and writes it: parsed with the place of every node, edited without touching what is not
//! meant, and written as ruamel.yaml writes it.
//!
//! `saphyr-parser` does the parsing. It forgets comments, so edits are made in the text itself at the places
//! it reports. The lossless tree of `yaml-edit` 0.3 makes the same edits on our fixtures (it puts a new member
//! behind comments that follow the mapping); it would be a second YAML parser beside this one, and the quotes
//! and folds of ruamel.yaml would still be ours to write.

mod edit;
mod emit;
mod node;
mod parse;
mod resolve;
mod scalar;

pub(crate) use edit::{Field, edit_mapping, holds, put_member, remove_member};
pub(crate) use emit::{Value, write_document, write_item};
pub(crate) use node::{Entry, Kind, Node, Scalar};
pub(crate) use parse::{display, parse};
