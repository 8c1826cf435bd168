//! A keyring of version 1 opens for ever.
