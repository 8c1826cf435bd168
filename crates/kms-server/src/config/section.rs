//! How a section of the configuration is made: each member with its default, so that the members, their names in the
//! environment and what is refused as unknown come from one place.

use toml::de::{Error, ValueDeserializer};

/// A table of the configuration.
pub(super) trait Section: Default {
    /// The names of its members.
    const MEMBERS: &'static [&'static str];

    /// Sets a member.
    ///
    /// # Errors
    /// If there is none of that name, or the value is not one of its kind.
    fn set(&mut self, member: &str, value: ValueDeserializer<'_>) -> Result<(), Error>;
}

/// Makes a section: `pub struct NAME { pub MEMBER: TYPE = DEFAULT, … }`.
macro_rules! section {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $($(#[$doc:meta])* pub $member:ident: $kind:ty = $default:expr,)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq)]
        #[non_exhaustive]
        pub struct $name {
            $($(#[$doc])* pub $member: $kind,)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($member: $default,)* }
            }
        }

        impl $crate::config::section::Section for $name {
            const MEMBERS: &'static [&'static str] = &[$(stringify!($member),)*];

            fn set(
                &mut self,
                member: &str,
                value: toml::de::ValueDeserializer<'_>,
            ) -> Result<(), toml::de::Error> {
                match member {
                    $(stringify!($member) => self.$member = serde::Deserialize::deserialize(value)?,)*
                    _ => return Err(serde::de::Error::unknown_field(member, Self::MEMBERS)),
                }
                Ok(())
            }
        }
    };
}

pub(super) use section;
