//! Templates of `dvc.yaml`, worked out as DVC does: `${…}`, `vars`, parameters files, `foreach` and `matrix`.
//!
//! Nothing is guessed: a stage whose templates cannot be worked out is an error that names file, line and key.
//!
//! | Question | Module |
//! |---|---|
//! | Where does an expression stand, and what does it name? | [`expression`] |
//! | Which variables are in force? | [`context`] |
//! | What do files of parameters say? | [`params`], [`python`] |
//! | Which stages does a group have? | [`group`] |
//! | What does a stage say once its templates are filled in? | [`substitute`] |
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

/// A template that cannot be worked out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TemplateError {
    /// In DVC's words.
    pub(crate) message: String,
    /// Line and column in the `dvc.yaml`, counted from 1.
    pub(crate) place: (usize, usize),
}

/// A stage of a `dvc.yaml` with its templates filled in.
#[derive(Debug, Clone)]
pub(crate) struct ResolvedStage {
    /// `build`, or `build@key` for a member of a group.
    pub(crate) name: String,
    /// The definition. Nodes stand where their templates do.
    pub(crate) definition: Result<Node, TemplateError>,
}

/// Works out the stages of a `dvc.yaml`.
#[derive(Clone, Copy)]
pub(crate) struct Resolver<'a> {
    /// Where files of parameters are read.
    pub(crate) files: &'a dyn ReadFiles,
    /// The folder of the `dvc.yaml`, absolute.
    pub(crate) folder: &'a Path,
    /// The `dvc.yaml` as messages show it.
    pub(crate) shown: &'a str,
    /// How dictionaries become options of a command.
    pub(crate) style: OptionStyle,
}

impl Resolver<'_> {
    /// Returns the stages in the order of the file, those of a group in the order of its members.
    ///
    /// # Errors
    ///
    /// The variables of the whole file cannot be loaded, so that no stage can be worked out. The error of a single
    /// stage stands in its place.
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
        let made = context.make(definition.entries().len() * size_of::<Node>());
        made.map_err(|error| self.error(&format!("stage '{name}'"), error, definition))?;
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

    /// Refuses templates where DVC allows none.
    fn refuse_templates(&self, node: &Node, section: &str) -> Result<(), TemplateError> {
        if !has_expression(node) {
            return Ok(());
        }
        let message = "interpolating is not allowed".to_owned();
        Err(self.error(&format!("'{section}'"), VariableError::Sentence(message), node))
    }

    /// Words an error as DVC does. `place` is the part of the file that cannot be worked out, `node` where it stands.
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

/// Whether a node has a template in it, or an escaped one: whether filling it in may change it.
fn has_template(node: &Node) -> bool {
    has_text(node, |text| text.contains("${"))
}

/// Whether a node has an expression in it.
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

/// Returns the first expression that cannot be parsed, and where it stands.
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
