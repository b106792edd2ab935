//! Fills in the templates of a node.

use std::sync::Arc;

use super::context::{Context, VariableError};
use super::expression::{self, Expression};
use super::value::{OptionStyle, Value, to_options};
use crate::metafile::yaml::{Entry, Kind, Node, Scalar};

/// The use of a node, which determines whether its templates may be lists and dictionaries.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose<'a> {
    /// The value of this key of a stage: only scalars, and in a command also dictionaries.
    Stage { key: &'a str, style: OptionStyle },
    /// The values that a group iterates over: also dictionaries, and lists if the whole text is one template.
    ///
    /// Deviation: a template inside a longer text of `foreach` or `matrix` must not be a list; DVC inserts the list as Python
    /// prints it.
    Group,
}

/// Returns the node with its templates filled in, or the error and its node.
pub(crate) fn substitute(
    node: &Node,
    context: &Context,
    purpose: Purpose<'_>,
) -> Result<Node, (VariableError, Node)> {
    if !super::has_template(node) {
        return Ok(node.clone());
    }
    let with_kind = |kind| Node { kind: Arc::new(kind), ..node.clone() };
    match &*node.kind {
        Kind::Scalar(Scalar::Text(text)) => fill(text, node, context, purpose),
        Kind::Scalar(_) => Ok(node.clone()),
        Kind::Sequence(items) => {
            context.reserve(items.len() * size_of::<Node>()).map_err(|error| (error, node.clone()))?;
            let items = items.iter().map(|item| substitute(item, context, purpose));
            Ok(with_kind(Kind::Sequence(items.collect::<Result<_, _>>()?)))
        }
        Kind::Mapping(entries) => {
            context.reserve(entries.len() * size_of::<Entry>()).map_err(|error| (error, node.clone()))?;
            let mut filled: Vec<Entry> = Vec::with_capacity(entries.len());
            for entry in entries {
                let key = substitute(&entry.key, context, purpose)?;
                let value = substitute(&entry.value, context, purpose)?;
                // As in a dictionary of Python, the last value counts, at the position of the first.
                let same = key
                    .as_str()
                    .and_then(|key| filled.iter_mut().find(|entry| entry.key.as_str() == Some(key)));
                match same {
                    Some(entry) => entry.value = value,
                    None => filled.push(Entry { key, value, is_merged: entry.is_merged }),
                }
            }
            Ok(with_kind(Kind::Mapping(filled)))
        }
    }
}

fn fill(
    text: &str,
    node: &Node,
    context: &Context,
    purpose: Purpose<'_>,
) -> Result<Node, (VariableError, Node)> {
    let at = |error| (error, node.clone());
    let expressions = expression::find(text);
    if let [Expression { span, inner }] = &expressions[..]
        && *span == (0..text.len())
    {
        let value = context.select(inner).map_err(at)?;
        check(value, purpose, true).map_err(at)?;
        context.reserve(value.n_bytes()).map_err(at)?;
        return Ok(value.to_node(node));
    }
    let mut filled = String::new();
    let mut end = 0;
    for Expression { span, inner } in expressions {
        let value = context.select(inner).map_err(at)?;
        check(value, purpose, false).map_err(at)?;
        filled.push_str(&text[end..span.start]);
        match (value, purpose) {
            (Value::Dict(dict), _) => {
                let style = match purpose {
                    Purpose::Stage { style, .. } => style,
                    Purpose::Group => OptionStyle::default(),
                };
                let options = to_options(dict, style).map_err(|name| {
                    at(VariableError::Apart(format!("Cannot interpolate nested iterable in '{name}'")))
                })?;
                context.reserve(options.len()).map_err(at)?;
                filled.push_str(&options);
            }
            (scalar, _) => {
                let text = scalar.to_text();
                context.reserve(text.len()).map_err(at)?;
                filled.push_str(&text);
            }
        }
        end = span.end;
    }
    filled.push_str(&text[end..]);
    Ok(Value::Text(expression::unescape(&filled)).to_node(node))
}

/// Checks that a value may replace the template. `is_alone`: the whole text is the template.
fn check(value: &Value, purpose: Purpose<'_>, is_alone: bool) -> Result<(), VariableError> {
    let may_be_composite = match (value, purpose) {
        (Value::Other(_), _) => false,
        (value, _) if !value.is_composite() => true,
        (Value::Dict(_), Purpose::Stage { key, .. }) => key == "cmd",
        (_, Purpose::Stage { .. }) => false,
        (Value::Dict(_), Purpose::Group) => true,
        (_, Purpose::Group) => is_alone,
    };
    if may_be_composite {
        return Ok(());
    }
    Err(VariableError::Apart(format!("Cannot interpolate data of type '{}'", value.type_name())))
}
