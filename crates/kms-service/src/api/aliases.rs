//! Aliases.

use crate::api::Required;
use crate::api::structure::{request, response, structure};
use crate::{AliasName, Exception, KmsError, Timestamp};

request! {
    /// Gives a key another name. Answers nothing.
    CreateAliasRequest: CreateAlias -> () where new_name_fits {
        /// The name: `alias/` and up to 250 characters.
        alias_name: Required<String> => ALIAS_NAME,
        /// The key: its id or ARN.
        target_key_id: Required<String> => KEY_ID,
    }
}

fn new_name_fits(request: &CreateAliasRequest) -> Result<(), KmsError> {
    has_prefix(&request.alias_name)?;
    match request.alias_name.parse::<AliasName>() {
        Ok(_) => Ok(()),
        Err(_) => Err(KmsError::new(Exception::InvalidAliasName)),
    }
}

fn has_prefix(name: &str) -> Result<(), KmsError> {
    if name.starts_with(AliasName::PREFIX) {
        return Ok(());
    }
    Err(KmsError::validation(
        "Alias must start with the prefix \"alias/\". Please see \
         https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html",
    ))
}

request! {
    /// Lets an alias name another key, of the same type and usage. Answers nothing.
    UpdateAliasRequest: UpdateAlias -> () where updated_name_fits {
        /// The name: `alias/` and up to 250 characters.
        alias_name: Required<String> => ALIAS_NAME,
        /// The key: its id or ARN.
        target_key_id: Required<String> => KEY_ID,
    }
}

fn updated_name_fits(request: &UpdateAliasRequest) -> Result<(), KmsError> {
    has_prefix(&request.alias_name)
}

request! {
    /// Deletes an alias, and not its key. Answers nothing.
    DeleteAliasRequest: DeleteAlias -> () where deleted_name_fits {
        /// The name: `alias/` and up to 250 characters.
        alias_name: Required<String> => ALIAS_NAME,
    }
}

fn deleted_name_fits(request: &DeleteAliasRequest) -> Result<(), KmsError> {
    has_prefix(&request.alias_name)
}

request! {
    /// Lists aliases, of the account or of one key.
    ListAliasesRequest: ListAliases -> ListAliasesResponse {
        /// The key whose aliases are meant: its id or ARN.
        key_id: Option<String> => KEY_ID,
        /// The most entries of an answer: 1 to 1,000.
        limit: Option<i32> => LIMIT,
        /// Where the answer before ended: 1 to 1,024 characters.
        marker: Option<String> => MARKER,
    }
}

structure! {
    /// An alias in a list.
    #[derive(Clone, PartialEq, Eq)]
    AliasListEntry {
        /// The name, with `alias/`.
        alias_name: String,
        /// The ARN of the alias.
        alias_arn: String,
        /// The id of the key; absent for a name that is kept for a key of the service.
        target_key_id: Option<String>,
        /// When the alias was made.
        creation_date: Option<Timestamp>,
        /// When it last got another key.
        last_updated_date: Option<Timestamp>,
    }
}

response! {
    /// What `ListAliases` answers.
    ListAliasesResponse: ListAliases {
        /// The aliases.
        aliases: Required<Vec<AliasListEntry>>,
        /// The marker of the request for more.
        next_marker: Option<String>,
        /// Whether there is more.
        truncated: bool,
    }
}
