//! Changes stages of a `dvc.yaml`. Comments, order and style of everything else stay.

use std::path::Path;

use super::dvc_file::EditedFile;
use super::load::MetafileKind;
use super::yaml::{Kind, Node, Scalar, Value};
use crate::{Error, Result};

/// A `dvc.yaml` whose stages can be frozen and removed.
#[derive(Debug)]
pub(crate) struct DvcYaml {
    file: EditedFile,
}

impl DvcYaml {
    /// Reads and checks a file.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        Ok(Self { file: EditedFile::read(path, MetafileKind::Pipeline)? })
    }

    /// Fails if a stage is parametrized: it belongs to a group, or has templates.
    ///
    /// `shown` is the stage as DVC shows it, `action` the verb in DVC's sentence.
    pub(crate) fn refuse_parametrized(&self, stage: &str, shown: &str, action: &str) -> Result<()> {
        let root = self.file.root()?;
        let definition = root.as_ref().and_then(|root| root.get("stages")?.get(stage));
        if definition.is_some_and(|definition| definition.get("vars").is_none() && !has_template(definition))
        {
            return Ok(());
        }
        Err(Error::BadOut(format!("cannot {action} a parametrized {shown}")))
    }

    /// Marks a stage as frozen, or removes the mark.
    pub(crate) fn set_frozen(&mut self, stage: &str, is_frozen: bool) -> Result<()> {
        let definition = |root: &Node| root.get("stages")?.get(stage).cloned();
        let mark = is_frozen.then_some(Value::Bool(true));
        self.file.edit(&format!("the stage '{stage}'"), definition, &[("frozen", mark)])
    }

    /// Removes a stage. As in DVC, a file without any stage left is deleted, whatever else it contains.
    pub(crate) fn remove(mut self, stage: &str) -> Result<()> {
        self.file.remove_member("stages", stage)?;
        self.file.write_or_delete()
    }

    /// Writes the file, if it changed, through a temp file beside it.
    pub(crate) fn write(&mut self) -> Result<bool> {
        self.file.write()
    }
}

/// Returns whether any text in a node contains a template.
fn has_template(node: &Node) -> bool {
    match &*node.kind {
        Kind::Scalar(Scalar::Text(text)) => text.contains("${"),
        Kind::Scalar(_) => false,
        Kind::Sequence(items) => items.iter().any(has_template),
        Kind::Mapping(entries) => {
            entries.iter().any(|entry| has_template(&entry.key) || has_template(&entry.value))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# head\nstages:\n  # first\n  one:\n    cmd: a # why\n    outs: [o]\n  # second\n  two:\n    cmd: b ${x}\n";

    fn written(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dvc.yaml");
        fs_err::write(&path, text).unwrap();
        (folder, path)
    }

    #[test]
    fn stage_is_frozen_and_back_with_its_comments() {
        let (_folder, path) = written(TEXT);
        let mut file = DvcYaml::read(&path).unwrap();
        file.set_frozen("one", true).unwrap();
        assert!(file.write().unwrap());
        let frozen = TEXT.replace("[o]\n", "[o]\n    frozen: true\n");
        assert_eq!(fs_err::read_to_string(&path).unwrap(), frozen);
        let mut file = DvcYaml::read(&path).unwrap();
        file.set_frozen("one", false).unwrap();
        assert!(file.write().unwrap());
        assert_eq!(fs_err::read_to_string(&path).unwrap(), TEXT);
    }

    #[test]
    fn stage_is_taken_out_and_the_last_one_with_its_file() {
        let (_folder, path) = written(TEXT);
        DvcYaml::read(&path).unwrap().remove("one").unwrap();
        let rest = "# head\nstages:\n  # first\n  # second\n  two:\n    cmd: b ${x}\n";
        assert_eq!(fs_err::read_to_string(&path).unwrap(), rest);
        DvcYaml::read(&path).unwrap().remove("two").unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn stage_with_templates_is_refused_in_the_words_of_dvc() {
        let (_folder, path) = written(TEXT);
        let file = DvcYaml::read(&path).unwrap();
        file.refuse_parametrized("one", "stage: 'one'", "dump").unwrap();
        for stage in ["two", "one@a"] {
            let error = file.refuse_parametrized(stage, "stage: 'x'", "dump").unwrap_err();
            assert_eq!(error.to_string(), "cannot dump a parametrized stage: 'x'");
        }
    }
}
