//! What is done with a request or response of which only the operation and the JSON are known.

use kms_service::KmsError;
use kms_service::api::{Operation, Request, RequestVisitor, Response};
use serde_json::Value;

/// What became of a request.
pub(crate) struct Seen {
    pub(crate) json: Value,
    pub(crate) debug: String,
    pub(crate) trail: String,
    pub(crate) validated: Result<(), KmsError>,
}

/// Reads a request, and does with it all that can be done.
pub(crate) fn request(operation: &str, json: &Value) -> Result<Seen, serde_json::Error> {
    struct See<'a>(&'a Value);
    impl RequestVisitor for See<'_> {
        type Output = Result<Seen, serde_json::Error>;

        fn visit<R: Request>(self) -> Self::Output {
            // Through text, as on the wire.
            let request: R = serde_json::from_str(&self.0.to_string())?;
            let mut trail = Vec::new();
            request.trail(&mut trail);
            Ok(Seen {
                json: serde_json::to_value(&request)?,
                debug: format!("{request:?}"),
                trail: String::from_utf8(trail).unwrap(),
                validated: request.validate(),
            })
        }
    }
    operation.parse::<Operation>().unwrap().visit(See(json))
}

/// Reads a response, and does with it all that can be done. `None` if there is no body.
pub(crate) fn response(operation: &str, json: &Value) -> Option<Result<Seen, serde_json::Error>> {
    struct See<'a>(&'a Value);
    impl See<'_> {
        fn see<A: Response>(self) -> Result<Seen, serde_json::Error> {
            let response: A = serde_json::from_str(&self.0.to_string())?;
            let mut trail = Vec::new();
            response.trail(&mut trail);
            Ok(Seen {
                json: serde_json::to_value(&response)?,
                debug: format!("{response:?}"),
                trail: String::from_utf8(trail).unwrap(),
                validated: Ok(()),
            })
        }
    }
    impl RequestVisitor for See<'_> {
        type Output = Option<Result<Seen, serde_json::Error>>;

        fn visit<R: Request>(self) -> Self::Output {
            R::Response::HAS_OUTPUT.then(|| self.see::<R::Response>())
        }
    }
    operation.parse::<Operation>().unwrap().visit(See(json))
}

/// The text of the error with which a request is refused; empty if it is not.
pub(crate) fn refusal(operation: &str, json: &Value) -> String {
    match request(operation, json).unwrap().validated {
        Ok(()) => String::new(),
        Err(error) => error.message().unwrap_or_default().to_owned(),
    }
}
