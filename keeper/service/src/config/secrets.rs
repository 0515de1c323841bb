//! Secrets: from the directory of credentials that systemd hands over, else from the environment.

use super::ConfigError;
use ballast_executor::StaticCredentials;
use std::{
    env, fs,
    io::ErrorKind,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// Where `LoadCredential=` puts its files (systemd.exec(5)).
const CREDENTIALS_DIRECTORY: &str = "CREDENTIALS_DIRECTORY";
/// The service manager's own directories, whose files it protects itself: the group's bits are those of an access list.
const MANAGED: &str = "/run/credentials";
/// Anyone but the owner.
const OTHERS: u32 = 0o077;
/// Anyone but the owner and whom an access list names.
const WORLD: u32 = 0o007;
const AWS_KEY_ID: &str = "AWS_ACCESS_KEY_ID";
const AWS_SECRET_KEY: &str = "AWS_SECRET_ACCESS_KEY";

/// Reads a secret: the file of that name in `$CREDENTIALS_DIRECTORY`, else the environment variable.
///
/// # Errors
/// [`ConfigError::MissingSecret`] when it is in neither or empty, [`ConfigError::LooseCredential`] and
/// [`ConfigError::UnreadableCredential`] for a file that must not be used or cannot be.
pub fn secret(name: &'static str, holds: &'static str) -> Result<String, ConfigError> {
    find(name)?.ok_or(ConfigError::MissingSecret { name, holds })
}

/// AWS credentials, if they are handed over as files. `None` leaves it to AWS's own ways: environment, profile, instance role.
pub(crate) fn aws_credentials() -> Result<Option<StaticCredentials>, ConfigError> {
    let Some(directory) = directory() else { return Ok(None) };
    let Some(access_key_id) = credential(&directory, AWS_KEY_ID)? else { return Ok(None) };
    let missing = ConfigError::MissingSecret { name: AWS_SECRET_KEY, holds: "the secret of the AWS access key" };
    let secret_access_key = credential(&directory, AWS_SECRET_KEY)?.ok_or(missing)?;
    Ok(Some(StaticCredentials { access_key_id, secret_access_key }))
}

fn find(name: &'static str) -> Result<Option<String>, ConfigError> {
    if let Some(directory) = directory()
        && let Some(text) = credential(&directory, name)?
    {
        return Ok(Some(text));
    }
    Ok(env::var(name).ok().filter(|value| !value.trim().is_empty()))
}

fn directory() -> Option<PathBuf> {
    env::var_os(CREDENTIALS_DIRECTORY).filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// The content of a credential's file without the line end that editors add; `None` if there is no such file or it is empty.
fn credential(directory: &Path, name: &'static str) -> Result<Option<String>, ConfigError> {
    let path = directory.join(name);
    let metadata = match fs::metadata(&path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ConfigError::UnreadableCredential { path, why: error.to_string() }),
    };
    let mode = metadata.permissions().mode() & 0o777;
    let loose = if directory.starts_with(MANAGED) { WORLD } else { OTHERS };
    if mode & loose != 0 {
        return Err(ConfigError::LooseCredential { path, mode });
    }
    let text = fs::read_to_string(&path)
        .map_err(|error| ConfigError::UnreadableCredential { path, why: error.to_string() })?;
    Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()).filter(|text| !text.trim().is_empty()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn file(directory: &Path, mode: u32, text: &str) {
        let path = directory.join(AWS_KEY_ID);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    // SPEC Y1
    #[test]
    fn a_credential_that_others_may_read_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        assert!(credential(directory.path(), AWS_KEY_ID).unwrap().is_none());
        for mode in [0o400, 0o600] {
            file(directory.path(), mode, "a secret\n");
            assert_eq!(credential(directory.path(), AWS_KEY_ID).unwrap().as_deref(), Some("a secret"));
        }
        for mode in [0o440, 0o604, 0o644, 0o620, 0o666] {
            file(directory.path(), mode, "a secret");
            let refused = credential(directory.path(), AWS_KEY_ID).unwrap_err();
            assert!(matches!(refused, ConfigError::LooseCredential { mode: found, .. } if found == mode), "{refused}");
            assert!(!refused.to_string().contains("a secret"), "{refused}");
        }
    }

    #[test]
    fn an_empty_credential_is_none() {
        let directory = tempfile::tempdir().unwrap();
        file(directory.path(), 0o400, "\n");
        assert!(credential(directory.path(), AWS_KEY_ID).unwrap().is_none());
    }
}
