//! How the structures, requests and responses of this module tree are declared.
//!
//! `field: Type` is a member of the API, whose name on the wire is the field's in `PascalCase` and whose name in errors
//! and the audit trail is the same in `camelCase`. `field: Type => RULE` says what its value may be.

/// Declares a structure.
macro_rules! structure {
    ($(#[$meta:meta])* $name:ident {
        $($(#[$field_meta:meta])* $field:ident: $type:ty $(=> $rule:ident)?,)*
    }) => {
        $(#[$meta])*
        #[derive(Debug, Default, serde::Serialize)]
        #[serde(rename_all = "PascalCase")]
        pub struct $name {
            $(
                $(#[$field_meta])*
                #[serde(
                    skip_serializing_if = "crate::api::member::Member::is_absent",
                    serialize_with = "crate::api::member::put"
                )]
                pub $field: $type,
            )*
        }

        /// From an object only: what is derived would read an array as well. Of a member that is there twice, the last
        /// counts.
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct MembersVisitor;
                impl<'de> serde::de::Visitor<'de> for MembersVisitor {
                    type Value = $name;

                    fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                        f.write_str("an object")
                    }

                    #[allow(unused_mut, reason = "not where there are no members")]
                    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<$name, A::Error> {
                        let mut structure = $name::default();
                        let fields = crate::api::member::FieldOf(const {
                            &[$((crate::api::structure::name!(pascal $field), stringify!($field)),)*]
                        });
                        while let Some(field) = map.next_key_seed(fields)? {
                            match field {
                                $(Some(stringify!($field)) => structure.$field = crate::api::member::value(&mut map)?,)*
                                _ => drop(map.next_value::<serde::de::IgnoredAny>()?),
                            }
                        }
                        Ok(structure)
                    }
                }
                deserializer.deserialize_map(MembersVisitor)
            }
        }

        impl crate::api::member::Member for $name {
            fn put<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serde::Serialize::serialize(self, serializer)
            }

            fn take<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                serde::Deserialize::deserialize(deserializer)
            }

            #[allow(unused_variables, reason = "not where there are no members")]
            fn check(
                &self,
                rule: &crate::api::validation::Rule,
                at: &crate::api::validation::At<'_>,
                found: &mut crate::api::validation::Violations,
            ) {
                $(
                    let member = crate::api::validation::At::Member(at, crate::api::structure::name!(camel $field));
                    self.$field.check(crate::api::structure::rule!($($rule)?), &member, found);
                )*
            }

            #[allow(unused_mut, reason = "not where there are no members")]
            fn show(&self, out: &mut Vec<u8>) {
                let mut separator = crate::api::trail::Separator::OBJECT;
                $(
                    let name = crate::api::structure::name!(quoted $field);
                    let rule = crate::api::structure::rule!($($rule)?);
                    crate::api::member::show(&self.$field, name, rule, &mut separator, out);
                )*
                out.extend_from_slice(if separator.is_first() { b"{}" } else { b"}" });
            }
        }
    };
}
pub(crate) use structure;

/// The name of a member in another case.
macro_rules! name {
    ($case:ident $field:ident) => {{
        const NAME: &crate::api::name::Name<{ stringify!($field).len() + 3 }> =
            &crate::api::name::Name::$case(stringify!($field));
        const { NAME.as_str() }
    }};
}
pub(crate) use name;

/// The rule of a member.
macro_rules! rule {
    () => {
        &crate::api::validation::Rule::ANY
    };
    ($rule:ident) => {
        &crate::api::rules::$rule
    };
}
pub(crate) use rule;

/// Declares a request: `Request: Operation -> Response { members }`. What its members must be together is checked by
/// the function behind `where`, after each was found right by itself.
macro_rules! request {
    ($(#[$meta:meta])* $name:ident: $operation:ident -> $response:ty $(where $check:ident)? { $($members:tt)* }) => {
        crate::api::structure::structure! { $(#[$meta])* $name { $($members)* } }

        impl crate::api::Request for $name {
            type Response = $response;
            const OPERATION: crate::api::Operation = crate::api::Operation::$operation;

            fn validate(&self) -> Result<(), crate::KmsError> {
                use crate::api::{member::Member, validation::{At, Rule, Violations}};
                let mut found = Violations::default();
                Member::check(self, &Rule::ANY, &At::Request, &mut found);
                found.into_result()?;
                $($check(self)?;)?
                Ok(())
            }

            fn trail(&self, out: &mut Vec<u8>) {
                crate::api::trail::or_null(self, out);
            }
        }
    };
}
pub(crate) use request;

/// Declares a response: `Response: Operation { members }`.
macro_rules! response {
    ($(#[$meta:meta])* $name:ident: $operation:ident { $($members:tt)* }) => {
        crate::api::structure::structure! { $(#[$meta])* $name { $($members)* } }

        impl crate::api::Response for $name {
            const HAS_OUTPUT: bool = true;

            fn trail(&self, out: &mut Vec<u8>) {
                if crate::api::Operation::$operation.is_read_only() {
                    out.extend_from_slice(b"null");
                } else {
                    crate::api::trail::or_null(self, out);
                }
            }
        }
    };
}
pub(crate) use response;
