//! Statements: read from JSON once, compared with requests many times.

use core::fmt;

use super::arn::ArnPattern;
use super::condition::{Condition, any, conditions};
use super::error::{Path, PolicyError};
use super::json::Json;
use super::named::{Named, Reach};
use super::pattern::{Case, Glob, Matched};
use super::{PolicyKind, Request};

/// What a statement does to the requests that it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Allow,
    Deny,
}

/// A statement of a policy, pointed at: for explanations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct StatementRef<'a> {
    /// Its place in the policy, from 0. A statement that stands alone, not in a list, is 0.
    pub index: usize,
    /// Its `Sid`, if it has one.
    pub sid: Option<&'a str>,
}

/// As in the paths of [`PolicyError`]: `Statement[0] "Enable IAM User Permissions"`.
impl fmt::Display for StatementRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Statement[{}]", self.index)?;
        match self.sid {
            Some(sid) => write!(f, " {sid:?}"),
            None => Ok(()),
        }
    }
}

/// An element, or the same with `Not` before it.
#[derive(Debug)]
enum Side<T> {
    These(T),
    AllBut(T),
}

/// A statement, compiled.
#[derive(Debug)]
pub(super) struct Statement {
    sid: Option<Box<str>>,
    pub(super) effect: Effect,
    /// `None` in identity policies.
    principals: Option<Side<Named>>,
    /// `None` if the statement has none, and so is about nothing.
    actions: Option<Side<Box<[Glob]>>>,
    resources: Option<Side<Box<[ArnPattern]>>>,
    conditions: Box<[Condition]>,
}

impl Statement {
    /// Reads a statement.
    pub(super) fn read(json: &Json, kind: PolicyKind, variables: bool, path: &Path<'_>) -> Result<Self, PolicyError> {
        let mut effect = None;
        let mut statement = Self {
            sid: None,
            effect: Effect::Deny,
            principals: None,
            actions: None,
            resources: None,
            conditions: Box::default(),
        };
        for (name, value) in json.members(path)? {
            let path = path.member(name);
            match name.as_str() {
                "Sid" => statement.sid = Some(value.string(&path)?.into()),
                "Effect" => {
                    effect = Some(match value.string(&path)? {
                        "Allow" => Effect::Allow,
                        "Deny" => Effect::Deny,
                        _ => return Err(path.error("neither Allow nor Deny")),
                    });
                }
                "Principal" | "NotPrincipal" => {
                    if kind == PolicyKind::Identity {
                        return Err(path.error("an identity policy names no principals: it is for those who have it"));
                    }
                    let named = Named::read(value, &path)?;
                    place(&mut statement.principals, name, named, Named::is_empty, &path)?;
                }
                "Action" | "NotAction" => {
                    let actions = list(value, &path, action)?;
                    place(&mut statement.actions, name, actions, |actions| actions.is_empty(), &path)?;
                }
                "Resource" | "NotResource" => {
                    let resources = list(value, &path, |text| ArnPattern::resource(text, variables))?;
                    place(&mut statement.resources, name, resources, |resources| resources.is_empty(), &path)?;
                }
                "Condition" => statement.conditions = conditions(value, kind, variables, &path)?,
                _ => return Err(path.error("a statement has no such element")),
            }
        }
        statement.effect = effect.ok_or_else(|| path.error("Effect is missing"))?;
        let missing = match kind {
            PolicyKind::Key if statement.principals.is_none() => "Principal",
            PolicyKind::Identity if statement.actions.is_none() => "Action",
            PolicyKind::Identity if statement.resources.is_none() => "Resource",
            // AWS KMS takes a statement without Action or Resource, and it has no effect.
            _ => return Ok(statement),
        };
        Err(path.error(format!("{missing} is missing")))
    }

    /// Points at this statement.
    pub(super) fn at(&self, index: usize) -> StatementRef<'_> {
        StatementRef { index, sid: self.sid.as_deref() }
    }

    pub(super) fn sid(&self) -> Option<&str> {
        self.sid.as_deref()
    }

    /// The users, roles and sessions that it names.
    pub(super) fn principals(&self) -> impl Iterator<Item = &str> {
        self.principals.iter().flat_map(|(Side::These(named) | Side::AllBut(named))| named.arns())
    }

    /// Whether, and how, the statement applies to a request. What costs least is looked at first.
    pub(super) fn applies(&self, request: &Request<'_>) -> Option<Reach> {
        let is_action = |action: &Glob| action.matches(request.action, Case::AsciiInsensitive);
        let actions = match self.actions.as_ref()? {
            Side::These(actions) => actions.iter().any(is_action),
            Side::AllBut(actions) => !actions.iter().any(is_action),
        };
        if !actions {
            return None;
        }
        let reach = self.reach(request)?;
        let is_resource = |resource: &ArnPattern| resource.matches(request.resource, request);
        let resources = match self.resources.as_ref()? {
            Side::These(resources) => any(resources, is_resource) == Matched::Yes,
            Side::AllBut(resources) => match any(resources, is_resource) {
                Matched::Yes => false,
                Matched::No => true,
                // A variable without value: not known to be another resource, which is not enough to allow it.
                Matched::Unresolved => self.effect == Effect::Deny,
            },
        };
        (resources && self.conditions.iter().all(|condition| condition.holds(request, self.effect))).then_some(reach)
    }

    fn reach(&self, request: &Request<'_>) -> Option<Reach> {
        let principal = request.principal;
        match (&self.principals, self.effect) {
            (None, _) => Some(Reach::Itself),
            (Some(Side::These(named)), _) => named.reach(principal),
            (Some(Side::AllBut(named)), Effect::Deny) => (!named.exempts(principal)).then_some(Reach::Itself),
            (Some(Side::AllBut(named)), Effect::Allow) => named.reach(principal).is_none().then_some(Reach::Itself),
        }
    }
}

/// Puts an element in its place, if its opposite is not there.
///
/// An empty list is about nothing. With `Not`, it would be about everything, and that is to be said with `*`.
fn place<T>(
    place: &mut Option<Side<T>>,
    name: &str,
    value: T,
    is_empty: impl Fn(&T) -> bool,
    path: &Path<'_>,
) -> Result<(), PolicyError> {
    if place.is_some() {
        let other = name.strip_prefix("Not").map_or_else(|| format!("Not{name}"), str::to_owned);
        return Err(path.error(format!("a statement cannot have both {name} and {other}")));
    }
    let negated = name.starts_with("Not");
    if negated && is_empty(&value) {
        return Err(path.error("names nothing"));
    }
    *place = Some(if negated { Side::AllBut(value) } else { Side::These(value) });
    Ok(())
}

fn list<T>(
    json: &Json,
    path: &Path<'_>,
    read: impl Fn(&str) -> Result<T, &'static str>,
) -> Result<Box<[T]>, PolicyError> {
    let mut values = Vec::new();
    json.each(path, |value, path| {
        values.push(read(value.string(path)?).map_err(|problem| path.error(problem))?);
        Ok(())
    })?;
    Ok(values.into())
}

/// Reads an action: `*`, or the prefix of a service and a name, which may have wildcards.
fn action(text: &str) -> Result<Glob, &'static str> {
    let service = |service: &str| {
        service == "*"
            || (!service.is_empty() && service.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'))
    };
    let name = |name: &str| {
        !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'*' | b'?' | b'_' | b'-'))
    };
    if text == "*" || text.split_once(':').is_some_and(|(before, after)| service(before) && name(after)) {
        return Ok(Glob::new(text));
    }
    Err("an action looks like kms:Encrypt, kms:Describe* or *")
}
