//! YAML as DVC reads and writes it: parsed with the position of every node, edited in place, and written as ruamel.yaml
//! writes it.
//!
//! `saphyr-parser` does the parsing. It drops comments, so edits are made in the text itself at the positions that it
//! reports. The lossless tree of `yaml-edit` 0.3 could make the same edits on our fixtures (except that it adds a new
//! member after comments that follow the mapping), but it would be a second YAML parser, and the quotes and folds of
//! ruamel.yaml would still have to be written here.

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
