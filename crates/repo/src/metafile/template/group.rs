//! The members of `foreach` and `matrix`.

use std::sync::Arc;

use indexmap::IndexMap;

use super::context::{Context, VariableError};
use super::substitute::{Purpose, substitute};
use super::value::{Dict, Member, Value};
use super::{ResolvedStage, Resolver, TemplateError};
use crate::metafile::yaml::{Kind, Node};

/// The maximum number of stages of a `matrix`.
///
/// Deviation: haul refuses a `matrix` of more than 100000 stages, which is more than any pipeline has; DVC expands it
/// until it runs out of memory.
const MAX_MEMBERS: usize = 100_000;

/// The variables of a member of a group.
type Variables = Vec<(&'static str, Value)>;

/// Returns the stages of a group, in order.
pub(super) fn members(
    resolver: &Resolver<'_>,
    name: &str,
    definition: &Node,
    context: &Context,
) -> Result<Vec<ResolvedStage>, TemplateError> {
    let (members, template) = if let Some(matrix) = definition.get("matrix") {
        let members = of_matrix(resolver, name, matrix, context)?;
        let entries = definition.entries().iter();
        let body = entries.filter(|entry| entry.key.as_str() != Some("matrix")).cloned().collect();
        (members, Node { kind: Arc::new(Kind::Mapping(body)), ..definition.clone() })
    } else {
        let foreach = definition.get("foreach").unwrap_or(definition);
        let template = definition.get("do").unwrap_or(definition).clone();
        (of_foreach(resolver, name, foreach, context)?, template)
    };
    let checked = resolver.check_syntax(name, &template);
    let stage = |(key, variables): (String, Variables)| {
        let name = format!("{name}@{key}");
        let stage = || resolver.stage(&name, &template, &context.within_group(variables));
        let definition = checked.clone().and_then(|()| stage());
        ResolvedStage { name, definition }
    };
    Ok(members.into_iter().map(stage).collect())
}

/// A value that a group iterates over.
struct Item {
    value: Value,
    /// Whether the value comes from a variable. DVC then names the member as Python prints the value: `True`, not `true`.
    is_variable: bool,
}

impl Item {
    fn name(&self) -> String {
        if self.is_variable { self.value.to_python() } else { self.value.to_text() }
    }
}

/// The values that a group iterates over.
enum Items {
    List(Vec<Item>),
    Dict(Vec<(String, Item)>),
    Other(Value),
}

fn items(node: &Node, context: &Context) -> Result<Items, (VariableError, Node)> {
    let source: Arc<str> = "".into();
    // If the whole text is one template, the value is that of the variable, of any type.
    let is_template = |node: &Node| node.as_str().is_some_and(super::expression::is_template);
    let item = |node: &Node| {
        let filled = substitute(node, context, Purpose::Group)?;
        let is_alone = node.as_str().is_some_and(
            |text| matches!(&super::expression::find(text)[..], [one] if one.span == (0..text.len())),
        );
        Ok(Item { value: Value::of_node(&filled, &source), is_variable: is_alone })
    };
    Ok(match &*node.kind {
        Kind::Sequence(nodes) => Items::List(nodes.iter().map(item).collect::<Result<_, _>>()?),
        Kind::Mapping(entries) => {
            let mut dict = IndexMap::new();
            for entry in entries {
                let key = item(&entry.key)?;
                dict.insert(key.name(), item(&entry.value)?);
            }
            Items::Dict(dict.into_iter().collect())
        }
        Kind::Scalar(_) => {
            let is_variable = is_template(node);
            match item(node)?.value {
                Value::List(values) => {
                    Items::List(values.into_iter().map(|value| Item { value, is_variable }).collect())
                }
                Value::Dict(dict) => Items::Dict(
                    dict.into_iter()
                        .map(|(key, member)| (key, Item { value: member.value, is_variable }))
                        .collect(),
                ),
                other => Items::Other(other),
            }
        }
    })
}

fn of_foreach(
    resolver: &Resolver<'_>,
    name: &str,
    foreach: &Node,
    context: &Context,
) -> Result<Vec<(String, Variables)>, TemplateError> {
    let section = format!("'stages.{name}.foreach'");
    let items = items(foreach, context).map_err(|(error, node)| resolver.error(&section, error, &node))?;
    let mut members = IndexMap::new();
    match items {
        Items::Dict(items) => {
            for (key, item) in items {
                members.insert(key.clone(), vec![("item", item.value), ("key", Value::Text(key))]);
            }
        }
        Items::List(items) => {
            // Members are named by their values, unless one value is a list or a dictionary: then by their indexes.
            let by_position = items.iter().any(|item| item.value.is_composite());
            for (position, item) in items.into_iter().enumerate() {
                let key = if by_position { position.to_string() } else { item.name() };
                members.insert(key, vec![("item", item.value)]);
            }
        }
        Items::Other(value) => {
            let message = format!(
                "failed to resolve {section} in '{}': expected list/dictionary, got {}",
                resolver.shown,
                value.type_name()
            );
            return Err(resolver.error(&section, VariableError::File(message), foreach));
        }
    }
    Ok(members.into_iter().collect())
}

fn of_matrix(
    resolver: &Resolver<'_>,
    name: &str,
    matrix: &Node,
    context: &Context,
) -> Result<Vec<(String, Variables)>, TemplateError> {
    let section = format!("'stages.{name}.matrix'");
    let mut axes: Vec<(String, Vec<Item>)> = Vec::new();
    for entry in matrix.entries() {
        let failed = |(error, node): (VariableError, Node)| resolver.error(&section, error, &node);
        let axis = substitute(&entry.key, context, Purpose::Group).map_err(failed)?;
        let values = match items(&entry.value, context).map_err(failed)? {
            Items::List(items) => items,
            // Python iterates over the keys of a dictionary and the characters of a text.
            Items::Dict(items) => items
                .into_iter()
                .map(|(key, _)| Item { value: Value::Text(key), is_variable: false })
                .collect(),
            Items::Other(Value::Text(text))
                if !super::expression::is_template(entry.value.as_str().unwrap_or_default()) =>
            {
                text.chars()
                    .map(|character| Item { value: Value::Text(character.to_string()), is_variable: false })
                    .collect()
            }
            Items::Other(value) => {
                let message = format!(
                    "failed to resolve {section} in '{}': expected list/dictionary, got {}",
                    resolver.shown,
                    value.type_name()
                );
                return Err(resolver.error(&section, VariableError::File(message), &entry.value));
            }
        };
        axes.push((super::text_of(&axis), values));
    }
    let n_members = axes.iter().try_fold(1_usize, |product, (_, values)| product.checked_mul(values.len()));
    if n_members.is_none_or(|n_members| n_members > MAX_MEMBERS) {
        let message = format!("it makes more than {MAX_MEMBERS} stages");
        return Err(resolver.error(&section, VariableError::Sentence(message), matrix));
    }
    let source: Arc<str> = "matrix".into();
    let mut members = IndexMap::new();
    let mut chosen = vec![0; axes.len()];
    if axes.iter().any(|(_, values)| values.is_empty()) {
        return Ok(Vec::new());
    }
    loop {
        let mut fragments = Vec::with_capacity(axes.len());
        let mut item = Dict::with_capacity(axes.len());
        for ((axis, values), position) in axes.iter().zip(&chosen) {
            let value = &values[*position];
            let reserved = context.reserve(value.value.n_bytes());
            reserved.map_err(|error| resolver.error(&section, error, matrix))?;
            fragments.push(if value.value.is_composite() {
                format!("{axis}{position}")
            } else {
                value.name()
            });
            item.insert(axis.clone(), Member::new(value.value.clone(), &source));
        }
        let key = fragments.join("-");
        members.insert(key.clone(), vec![("key", Value::Text(key)), ("item", Value::Dict(item))]);
        // The last axis changes fastest.
        let turned = axes.iter().zip(&mut chosen).rev().find_map(|((_, values), position)| {
            *position += 1;
            if *position < values.len() {
                Some(())
            } else {
                *position = 0;
                None
            }
        });
        if turned.is_none() {
            return Ok(members.into_iter().collect());
        }
    }
}
