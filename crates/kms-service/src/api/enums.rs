//! The enumerations, with all values that AWS has: those too that this service refuses.

pub mod algorithms;
pub mod keys;
pub mod material;
pub mod services;

/// Declares an enumeration of the API: variants and their names on the wire.
macro_rules! names {
    ($(#[$meta:meta])* $name:ident: $($(#[$variant_meta:meta])* $variant:ident = $text:literal,)+) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum $name {
            $(#[doc = concat!("`", $text, "`")] $(#[$variant_meta])* $variant,)+
        }

        impl $name {
            /// All values, in the order of the API's model.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }

        impl crate::api::Enumeration for $name {
            const VALUES: &'static [Self] = Self::ALL;

            fn name(self) -> &'static str {
                self.as_str()
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl core::str::FromStr for $name {
            type Err = crate::KmsError;

            /// Fails with a `ValidationException` that lists the names.
            fn from_str(text: &str) -> Result<Self, crate::KmsError> {
                crate::api::Named::<Self>::from(text).get()
            }
        }
    };
}
pub(crate) use names;
