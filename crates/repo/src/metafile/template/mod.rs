//! Resolves the templates of `dvc.yaml` as DVC does: `${…}`, `vars`, parameters files, `foreach` and `matrix`.
//!
//! A stage whose templates cannot be resolved is an error that names file, line and key.
//!
//! | Question | Module |
//! |---|---|
//! | Where are expressions, and which variables do they name? | [`expression`] |
//! | Which variables does a stage have? | [`context`] |
//! | Which parameters are in a parameters file? | [`params`], [`python`] |
//! | Which stages does a group have? | [`group`] |
//! | What is a stage after its templates are filled in? | [`substitute`] |
//!
//! Source: <https://dvc.org/doc/user-guide/project-structure/dvcyaml-files#templating>.

use std::path::Path;

use crate::metafile::yaml::{Kind, Node, Scalar};

pub(crate) mod context;
mod expression;
mod group;
pub(crate) mod params;
mod python;
mod substitute;
pub(crate) mod value;

use context::{Context, ReadFiles, VariableError};
pub(crate) use value::OptionStyle;
use value::Value;

/// A template that cannot be resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TemplateError {
    /// The reason, in DVC's words.
    pub(crate) message: String,
    /// Line and column in the `dvc.yaml`, counted from 1.
    pub(crate) place: (usize, usize),
}

/// A stage of a `dvc.yaml` with its templates filled in.
#[derive(Debug, Clone)]
pub(crate) struct ResolvedStage {
    /// `build`, or `build@key` for a member of a group.
    pub(crate) name: String,
    /// The definition. A node has the position of its template.
    pub(crate) definition: Result<Node, TemplateError>,
}

/// Resolves the stages of a `dvc.yaml`.
#[derive(Clone, Copy)]
pub(crate) struct Resolver<'a> {
    /// Reads parameters files.
    pub(crate) files: &'a dyn ReadFiles,
    /// The directory of the `dvc.yaml`, absolute.
    pub(crate) folder: &'a Path,
    /// The path of the `dvc.yaml` for messages.
    pub(crate) shown: &'a str,
    /// The format of dictionaries as options of a command.
    pub(crate) style: OptionStyle,
}

impl Resolver<'_> {
    /// Returns the stages in the order of the file, those of a group in the order of its members.
    ///
    /// # Errors
    ///
    /// If the variables of the whole file cannot be loaded, so that no stage can be resolved. The error of a single stage
    /// is in its [`ResolvedStage`].
    pub(crate) fn stages(&self, root: &Node) -> Result<Vec<ResolvedStage>, TemplateError> {
        let Some(stages) = root.get("stages") else { return Ok(Vec::new()) };
        let vars = root.get("vars");
        let needs_variables = vars.is_some() || has_template(stages);
        let context = if needs_variables { self.context(vars, stages)? } else { Context::default() };
        let mut resolved = Vec::new();
        for entry in stages.entries() {
            let Some(name) = entry.key.as_str() else { continue };
            let definition = &entry.value;
            if definition.get("matrix").is_some() || definition.get("foreach").is_some() {
                match group::members(self, name, definition, &context) {
                    Ok(members) => resolved.extend(members),
                    Err(error) => {
                        resolved.push(ResolvedStage { name: name.to_owned(), definition: Err(error) });
                    }
                }
            } else {
                let definition =
                    self.check_syntax(name, definition).and_then(|()| self.stage(name, definition, &context));
                resolved.push(ResolvedStage { name: name.to_owned(), definition });
            }
        }
        Ok(resolved)
    }

    /// Loads the variables of the whole file.
    fn context(&self, vars: Option<&Node>, stages: &Node) -> Result<Context, TemplateError> {
        let mut context = Context::default();
        let place = vars.unwrap_or(stages);
        let failed = |error| self.error("'vars'", error, place);
        context.load_default(self.files, self.folder).map_err(failed)?;
        if let Some(vars) = vars {
            self.refuse_templates(vars, "vars")?;
            context.load_vars(self.files, vars, self.folder, "vars").map_err(failed)?;
        }
        Ok(context)
    }

    /// Fills in the templates of one stage.
    fn stage(&self, name: &str, definition: &Node, context: &Context) -> Result<Node, TemplateError> {
        let place_of = |key: &str| format!("'stages.{name}.{key}'");
        let mut context = context.clone();
        let wdir = match definition.get("wdir") {
            Some(wdir) => {
                let wdir = self.substitute(wdir, &context, "wdir", &place_of("wdir"))?;
                self.folder.join(text_of(&wdir))
            }
            None => self.folder.to_owned(),
        };
        if let Some(vars) = definition.get("vars") {
            let section = format!("stages.{name}.vars");
            self.refuse_templates(vars, &section)?;
            context.load_vars(self.files, vars, &wdir, &format!("{name}.vars")).map_err(|error| {
                let place = match error {
                    VariableError::LoadedTwice(_) => format!("'{section}'"),
                    _ => format!("stage '{name}'"),
                };
                self.error(&place, error, vars)
            })?;
        }
        let reserved = context.reserve(definition.entries().len() * size_of::<Node>());
        reserved.map_err(|error| self.error(&format!("stage '{name}'"), error, definition))?;
        let mut entries = Vec::new();
        for entry in definition.entries() {
            let key = entry.key.as_str().unwrap_or_default();
            if key == "vars" {
                continue;
            }
            let value = self.substitute(&entry.value, &context, key, &place_of(key))?;
            entries.push(crate::metafile::yaml::Entry { value, ..entry.clone() });
        }
        Ok(Node { kind: std::sync::Arc::new(Kind::Mapping(entries)), ..definition.clone() })
    }

    /// Refuses expressions that cannot be parsed anywhere in a stage, before any is filled in.
    fn check_syntax(&self, name: &str, definition: &Node) -> Result<(), TemplateError> {
        for entry in definition.entries() {
            if let Some((problem, node)) = first_problem(&entry.value) {
                let key = entry.key.as_str().unwrap_or_default();
                return Err(self.error(&format!("'stages.{name}.{key}'"), problem, node));
            }
        }
        Ok(())
    }

    fn substitute(
        &self,
        node: &Node,
        context: &Context,
        key: &str,
        place: &str,
    ) -> Result<Node, TemplateError> {
        substitute::substitute(node, context, substitute::Purpose::Stage { key, style: self.style })
            .map_err(|(error, at)| self.error(place, error, &at))
    }

    /// Refuses templates in a section where DVC does not allow them.
    fn refuse_templates(&self, node: &Node, section: &str) -> Result<(), TemplateError> {
        if !has_expression(node) {
            return Ok(());
        }
        let message = "interpolating is not allowed".to_owned();
        Err(self.error(&format!("'{section}'"), VariableError::Sentence(message), node))
    }

    /// Makes an error in DVC's words. `place` names the part of the file that cannot be resolved, `node` is its position.
    fn error(&self, place: &str, error: VariableError, node: &Node) -> TemplateError {
        let preamble = format!("failed to parse {place} in '{}':", self.shown);
        let message = match error {
            VariableError::Sentence(message) => format!("{preamble} {message}"),
            VariableError::Apart(message) | VariableError::LoadedTwice(message) => {
                format!("{preamble}\n{message}")
            }
            VariableError::File(message) => message,
        };
        TemplateError { message, place: (node.line, node.column) }
    }
}

/// Returns whether a node contains a template or an escaped one, so that filling it in may change the node.
fn has_template(node: &Node) -> bool {
    has_text(node, |text| text.contains("${"))
}

/// Returns whether a node contains an expression.
fn has_expression(node: &Node) -> bool {
    has_text(node, expression::is_template)
}

fn has_text(node: &Node, is_wanted: fn(&str) -> bool) -> bool {
    match &*node.kind {
        Kind::Scalar(Scalar::Text(text)) => is_wanted(text),
        Kind::Scalar(_) => false,
        Kind::Sequence(items) => items.iter().any(|item| has_text(item, is_wanted)),
        Kind::Mapping(entries) => {
            entries.iter().any(|entry| has_text(&entry.key, is_wanted) || has_text(&entry.value, is_wanted))
        }
    }
}

/// Returns the first expression that cannot be parsed, and its node.
fn first_problem(node: &Node) -> Option<(VariableError, &Node)> {
    match &*node.kind {
        Kind::Scalar(Scalar::Text(text)) => expression::find(text)
            .into_iter()
            .find_map(|found| context::keys(found.inner).err())
            .map(|problem| (problem, node)),
        Kind::Scalar(_) => None,
        Kind::Sequence(items) => items.iter().find_map(first_problem),
        Kind::Mapping(entries) => {
            entries.iter().find_map(|entry| first_problem(&entry.key).or_else(|| first_problem(&entry.value)))
        }
    }
}

/// Returns a scalar as text.
pub(crate) fn text_of(node: &Node) -> String {
    Value::of_node(node, &"".into()).to_text()
}

#[cfg(test)]
mod tests;
