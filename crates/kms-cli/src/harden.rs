//! What the process itself does to keep secrets.

/// Leaves no core file, in which keys would be found. A handler that the system pipes core files to decides for itself.
pub(crate) fn process() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        let none = Rlimit { current: Some(0), maximum: Some(0) };
        // Not being able to lower a limit is no reason not to work.
        let _lowered = setrlimit(Resource::Core, none);
    }
}
