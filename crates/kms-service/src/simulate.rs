//! Asking what would be allowed, without doing it: for the operator, who has the service in their hands.

use kms_core::EncryptionContext;

use crate::api::Operation;
use crate::explain::{Explanation, Question};
use crate::facts::{Asked, Facts};
use crate::ops::{self, Perform};
use crate::policy::{self, Context, ContextMap, GrantMatch, Policy, Values};
use crate::service::{Service, attempt};
use crate::step::{Names, Step};
use crate::{Caller, KmsError, grants};

/// A question to [`Service::simulate`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Simulation {
    /// Who asks, with their identity policies, for which region, and how the request comes.
    pub caller: Caller,
    /// What for: `kms:Decrypt`, or `Decrypt`. A re-encryption is `ReEncryptFrom` and `ReEncryptTo`.
    pub action: String,
    /// The key: its id, ARN, alias name or alias ARN. `None` for what is about no key that exists, such as `CreateKey`.
    pub key: Option<String>,
    /// The resource of a request without a key: `*` if it is left out, or the ARN of an alias.
    pub resource: Option<String>,
    /// A key policy to decide by instead of the one that the key has.
    pub key_policy: Option<String>,
    /// The encryption context of the request.
    pub encryption_context: EncryptionContext,
    /// Other condition keys and their values, such as `kms:RotationPeriodInDays`. They take the place of what the service
    /// knows itself.
    pub context: ContextMap,
}

impl Simulation {
    /// Whether a caller may do something.
    #[must_use]
    pub fn new(caller: Caller, action: impl Into<String>) -> Self {
        Self {
            caller,
            action: action.into(),
            key: None,
            resource: None,
            key_policy: None,
            encryption_context: EncryptionContext::empty(),
            context: ContextMap::new(),
        }
    }

    /// The same about a key.
    #[must_use]
    pub fn on(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }
}

/// What is written down, and else what the service knows.
struct Supposed<'a> {
    given: &'a ContextMap,
    known: Asked<'a>,
}

impl Context for Supposed<'_> {
    fn values(&self, key: &str) -> Option<Values<'_>> {
        self.given.values(key).or_else(|| self.known.values(key))
    }
}

/// The operation that an action is for.
fn operation(action: &str) -> Result<Operation, KmsError> {
    match action {
        "ReEncryptFrom" | "ReEncryptTo" => Ok(Operation::ReEncrypt),
        name => name.parse().map_err(|_| KmsError::validation(format!("kms:{name} is not an action of AWS KMS."))),
    }
}

impl Service {
    /// Whether a principal may do something, and which policy and statement say so. Does nothing, counts nothing, and is
    /// not recorded. This is not one of AWS's operations, and asks for no permission: it is for whoever runs the service.
    ///
    /// ```
    /// # use kms_service::{Caller, Service, Simulation};
    /// # fn example(service: &Service, caller: Caller) -> Result<(), kms_service::KmsError> {
    /// let explanation = service.simulate(&Simulation::new(caller, "kms:Decrypt").on("alias/backup"))?;
    /// println!("{explanation}");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `ValidationException` for an action that there is not; as the request itself if the key is not found;
    /// `MalformedPolicyDocumentException` and `LimitExceededException` for a policy that cannot be one; the store's faults.
    pub fn simulate(&self, simulation: &Simulation) -> Result<Explanation, KmsError> {
        let service = &*self.inner;
        let name = simulation.action.strip_prefix("kms:").unwrap_or(&simulation.action);
        let step = Step::looking(service, &simulation.caller, operation(name)?);
        let action = format!("kms:{name}");
        let principal = &simulation.caller.principal;
        let proposed = simulation.key_policy.as_deref();
        let proposed: Option<Policy> =
            proposed.map(|text| ops::read_key_policy(text, service.limits.key_policy)).transpose()?;
        let found = simulation.key.as_deref().map(|name| step.find(name, Names::All)).transpose()?;
        let snapshot = found.as_ref().map(|found| &found.snapshot);
        let resource = match snapshot {
            Some(snapshot) => &*snapshot.arn_text,
            None => simulation.resource.as_deref().unwrap_or("*"),
        };
        let question = Question { principal, action: &action, resource };
        if snapshot.is_some_and(|snapshot| step.is_foreign_to(snapshot)) {
            return Ok(Explanation::not_across_accounts(question));
        }
        let facts = Facts {
            encryption_context: Some(&simulation.encryption_context),
            alias: found.as_ref().and_then(|found| found.alias.as_ref()),
            ..Facts::default()
        };
        let key = snapshot.map(|snapshot| &snapshot.record);
        let known = Asked { caller: &simulation.caller, key, new_key: None, facts: &facts, now: step.now };
        let request = policy::Request {
            principal,
            action: &action,
            resource,
            resource_account: key.map_or_else(|| simulation.caller.account(), |key| key.account),
            context: &Supposed { given: &simulation.context, known },
        };
        let grant = snapshot.and_then(|snapshot| grants::allowing(snapshot, &simulation.caller, &action, &facts));
        let matched = grant.as_ref().map(|grant| GrantMatch { id: &grant.id });
        let key_policy = proposed.as_ref().or_else(|| snapshot.map(|snapshot| &snapshot.policy));
        let decision = policy::decide(&request, key_policy, &simulation.caller.policies, matched.as_ref());
        Ok(Explanation::new(question, &decision))
    }

    /// What the policies say to a request: an explanation for each permission that it needs, in the order in which they
    /// are asked for, up to the first that is denied. Does nothing, counts nothing, and is not recorded. This is not one
    /// of AWS's operations, and asks for no permission: it is for whoever runs the service.
    ///
    /// # Errors
    /// Those of the request that come before any permission is asked for: its shape, and whether its keys exist.
    pub fn explain<R: Perform>(&self, caller: &Caller, request: &R) -> Result<Vec<Explanation>, KmsError> {
        let step = Step::looking(&self.inner, caller, R::OPERATION);
        let outcome = attempt(&step, request);
        let explanations = step.into_explanations();
        match outcome {
            Err(error) if explanations.is_empty() => Err(error),
            _ => Ok(explanations),
        }
    }
}
