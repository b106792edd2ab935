use super::*;

struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    fn new(config: &str, credentials: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let aws = folder.path().join(".aws");
        fs_err::create_dir(&aws).unwrap();
        fs_err::write(aws.join("config"), config).unwrap();
        fs_err::write(aws.join("credentials"), credentials).unwrap();
        Self { folder }
    }

    fn env(&self, variables: &[(&str, &str)]) -> Env {
        let home = ("HOME", self.folder.path().to_str().unwrap());
        Env::new(self.folder.path(), variables.iter().copied().chain([home]))
    }

    fn load(&self, variables: &[(&str, &str)]) -> Result<AwsFiles> {
        AwsFiles::load(&CredentialRequest::default(), &self.env(variables))
    }
}

fn text(profile: Option<&Profile>, key: &str) -> Option<String> {
    Some(profile?.text(key).unwrap()?.value.to_owned())
}

#[test]
fn profiles_of_both_files_merge_and_credentials_win() {
    let home = Home::new(
        "[profile dev]\nregion = eu\noutput = json\n[profile \"two words\"]\nregion = us\n[other]\nregion = no\n",
        "[dev]\nregion = cn\naws_access_key_id = A\n[extra]\nregion = ap\n",
    );
    let files = home.load(&[]).unwrap();
    let dev = files.profile("dev");
    assert_eq!(text(dev, "region").unwrap(), "cn");
    assert_eq!(text(dev, "output").unwrap(), "json");
    assert_eq!(text(files.config_profile("dev"), "region").unwrap(), "eu");
    assert_eq!(text(files.config_profile("dev"), "aws_access_key_id"), None);
    assert_eq!(text(files.profile("two words"), "region").unwrap(), "us");
    assert_eq!(text(files.profile("extra"), "region").unwrap(), "ap");
    assert!(files.profile("other").is_none());
    let origin = dev.unwrap().text("region").unwrap().unwrap().origin;
    assert_eq!(
        origin.to_string(),
        format!("{}:2 [dev]", home.folder.path().join(".aws/credentials").display())
    );
}

#[test]
fn default_profile_wins_over_profile_variable() {
    let home = Home::new("[profile a]\n[profile b]\n", "");
    let files = home.load(&[("AWS_PROFILE", "a"), ("AWS_DEFAULT_PROFILE", "b")]).unwrap();
    assert_eq!(files.active().value, "b");
    assert!(!files.is_explicit());
    let request = CredentialRequest {
        profile: Some(Located::default_value("a".to_owned())),
        ..CredentialRequest::default()
    };
    let files = AwsFiles::load(&request, &home.env(&[("AWS_DEFAULT_PROFILE", "b")])).unwrap();
    assert_eq!(files.active().value, "a");
    assert!(files.is_explicit());
}

#[test]
fn unknown_profile_is_an_error_that_names_the_nearest() {
    let home = Home::new("[profile production]\n", "");
    let error = home.load(&[("AWS_PROFILE", "prodution")]).unwrap_err();
    assert!(error.to_string().contains("`prodution` (environment variable AWS_PROFILE)"), "{error}");
    assert_eq!(error.hint().unwrap(), "did you mean the profile `production`?");
}

#[test]
fn file_named_by_variable_wins_over_option_and_empty_names_none() {
    let home = Home::new("[profile a]\n", "");
    let other = home.folder.path().join("other");
    fs_err::write(&other, "[profile b]\n").unwrap();
    let request = CredentialRequest {
        config_path: Some(Located::default_value("other".into())),
        ..CredentialRequest::default()
    };
    let names = |variables: &[(&str, &str)]| {
        let files = AwsFiles::load(&request, &home.env(variables)).unwrap();
        files.profiles.keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(names(&[]), ["b"]);
    assert_eq!(names(&[("AWS_CONFIG_FILE", "~/.aws/config")]), ["a"]);
    assert!(names(&[("AWS_CONFIG_FILE", "")]).is_empty());
    assert!(names(&[("AWS_CONFIG_FILE", "missing")]).is_empty());
}

#[test]
fn malformed_file_names_file_and_line() {
    let home = Home::new("[default]\nregion\n", "");
    let error = home.load(&[]).unwrap_err().to_string();
    assert!(error.contains(".aws/config` line 2: expected"), "{error}");
}
