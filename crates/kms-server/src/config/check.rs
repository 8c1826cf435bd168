//! What is wrong with a configuration that could be read: what does not fit together, or is not there.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;

use super::{Complaint, Config};

impl Config {
    /// All that is wrong, as far as it can be told without opening store, audit log or HSM.
    #[must_use]
    pub fn check(&self) -> Vec<Complaint> {
        let mut found = Vec::new();
        self.check_listen(&mut found);
        self.check_service(&mut found);
        self.check_root(&mut found);
        self.check_hsms(&mut found);
        self.check_rest(&mut found);
        found
    }

    fn check_listen(&self, found: &mut Vec<Complaint>) {
        if self.listen.addresses.is_empty() {
            found.push(Complaint::new(
                "listen.addresses",
                "there is no address",
                "Name at least one, such as [\"127.0.0.1:4599\"].",
            ));
        }
        let open = |address: &&SocketAddr| !address.ip().to_canonical().is_loopback();
        let with_tls = self.tls.certificate.is_some() || self.tls.key.is_some();
        if let Some(address) = self.listen.addresses.iter().find(open)
            && !with_tls
        {
            let message = format!("{address} is reached by other machines, and there is no TLS");
            let advice = "Set certificate and key in [tls]. If something in front of the server ends TLS, say so with \
                          plain_http = true in [listen].";
            match self.listen.plain_http {
                false => found.push(Complaint::new("listen.addresses", message, advice)),
                true => found.push(Complaint::warning(
                    "listen.plain_http",
                    message,
                    "Whoever is on the network between sees plaintexts and data keys.",
                )),
            }
        }
        match (&self.tls.certificate, &self.tls.key) {
            (Some(certificate), Some(key)) => {
                readable("tls.certificate", certificate, found);
                secret("tls.key", key, OTHERS, found);
            }
            (Some(_), None) => {
                found.push(Complaint::new("tls.key", "is not set", "It is the private key of the certificate."))
            }
            (None, Some(_)) => {
                found.push(Complaint::new("tls.certificate", "is not set", "It is the certificate of the key."))
            }
            (None, None) if self.tls.client_ca.is_some() => found.push(Complaint::new(
                "tls.client_ca",
                "is of no use without TLS",
                "Set certificate and key in [tls].",
            )),
            (None, None) => {}
        }
        if let Some(path) = &self.tls.client_ca {
            readable("tls.client_ca", path, found);
        }
        let limits = [
            ("listen.connections", self.listen.connections),
            ("listen.header_bytes", self.listen.header_bytes),
            ("listen.body_bytes", self.listen.body_bytes),
        ];
        for (place, _) in limits.iter().filter(|(_, limit)| *limit == 0) {
            found.push(Complaint::new(*place, "is 0: nothing could be served", "Leave it out for the default."));
        }
        // Each address holds a place for the next one to come.
        if (1..self.listen.addresses.len()).contains(&self.listen.connections) {
            let message = "there are fewer connections than addresses: some would never be served";
            found.push(Complaint::new("listen.connections", message, "Leave it out for the default."));
        }
        if self.listen.http2_streams == 0 {
            let message = "is 0: nothing could be served over HTTP/2";
            found.push(Complaint::new("listen.http2_streams", message, "Leave it out for the default."));
        }
        self.check_times(found);
    }

    /// Times without which nothing is served, or something is done without a rest.
    fn check_times(&self, found: &mut Vec<Complaint>) {
        let times = [
            ("listen.header_timeout", self.listen.header_timeout),
            ("listen.idle_timeout", self.listen.idle_timeout),
            ("listen.body_timeout", self.listen.body_timeout),
            ("listen.handshake_timeout", self.listen.handshake_timeout),
            ("service.due_interval", self.service.due_interval),
            ("credentials.reload_interval", self.credentials.reload_interval),
        ];
        let times = times.into_iter().map(|(place, time)| (place.to_owned(), time));
        let budgets = self.hsm.iter().enumerate().map(|(number, hsm)| (format!("hsm[{number}].budget"), hsm.budget));
        for (place, _) in times.chain(budgets).filter(|(_, time)| time.get().is_zero()) {
            found.push(Complaint::new(place, "is 0: there is no time at all", "Leave it out for the default."));
        }
    }

    fn check_service(&self, found: &mut Vec<Complaint>) {
        if self.service.regions.is_empty() {
            found.push(Complaint::new(
                "service.regions",
                "there is no region",
                "Name those that clients sign for, such as regions = [\"eu-central-1\"].",
            ));
        }
        if self.service.cached_keys == 0 {
            found.push(Complaint::warning(
                "service.cached_keys",
                "is 0: each request reads and opens its key anew",
                "10000 is the default.",
            ));
        }
    }

    fn check_root(&self, found: &mut Vec<Complaint>) {
        let root = &self.root;
        let ways = [root.key_file.is_some(), root.passphrase_file.is_some(), root.hsm.is_some()];
        match (ways.iter().filter(|set| **set).count(), self.store.memory) {
            (0, false) => found.push(Complaint::new(
                "root",
                "there is no root key",
                "Set key_file, passphrase_file or hsm in [root]. A key file is made with a new store; back it up apart \
                 from the store: without it all keys are lost.",
            )),
            (2.., _) => found.push(Complaint::new(
                "root",
                "there are several root keys",
                "A store has one: leave one of key_file, passphrase_file and hsm.",
            )),
            _ => {}
        }
        if let Some(path) = root.key_file.as_ref().filter(|path| path.exists()) {
            secret("root.key_file", path, OTHERS, found);
            let inside = path.parent().is_some_and(|folder| folder == self.store.path);
            if inside && !self.store.memory {
                found.push(Complaint::warning(
                    "root.key_file",
                    "is in the folder of the store",
                    "Whoever gets a copy of that folder can decrypt. Keep the two apart, and back them up apart.",
                ));
            }
        }
        if let Some(path) = &root.passphrase_file {
            secret("root.passphrase_file", path, OTHERS, found);
        }
        if self.store.memory {
            found.push(Complaint::warning(
                "store.memory",
                "all keys are gone when the server ends",
                "What is encrypted under them is lost then. Set path in [store] to keep them.",
            ));
        }
        if !self.audit.enabled {
            found.push(Complaint::warning("audit.enabled", "nothing is recorded", "Set directory in [audit]."));
        }
    }

    fn check_hsms(&self, found: &mut Vec<Complaint>) {
        let mut ids = BTreeSet::new();
        for (number, hsm) in self.hsm.iter().enumerate() {
            let place = |member: &str| format!("hsm[{number}].{member}");
            let rest = hsm.id.strip_prefix("cluster-").unwrap_or_default();
            let fits = rest.bytes().all(|byte| byte.is_ascii_alphabetic() || (b'2'..=b'7').contains(&byte));
            if !fits || !(11..=16).contains(&rest.len()) {
                found.push(Complaint::new(
                    place("id"),
                    format!("{:?} is not the id of a cluster", hsm.id),
                    "It is cluster- and 11 to 16 letters or digits from 2 to 7, such as cluster-2payments22.",
                ));
            } else if !ids.insert(&hsm.id) {
                found.push(Complaint::new(place("id"), "two HSMs have it", "Each has an id of its own."));
            }
            if hsm.token.is_empty() {
                found.push(Complaint::new(place("token"), "is not set", "It is the label of the token."));
            }
            if hsm.module.as_os_str().is_empty() {
                found.push(Complaint::new(
                    place("module"),
                    "is not set",
                    "It is the PKCS#11 module, such as /usr/lib/softhsm/libsofthsm2.so.",
                ));
            } else {
                readable(&place("module"), &hsm.module, found);
            }
            match hsm.pin.split_once(':') {
                Some(("file", path)) => secret(&place("pin"), Path::new(path), OTHERS, found),
                Some(("env", name)) if !name.is_empty() => {}
                Some(("keypad", "")) => {}
                // What is there may be a PIN: it is not repeated.
                _ => found.push(Complaint::new(
                    place("pin"),
                    "does not say where the PIN is",
                    "It is file:/PATH, env:NAME or keypad:. The PIN itself does not stand here.",
                )),
            }
        }
    }

    fn check_rest(&self, found: &mut Vec<Complaint>) {
        secret("credentials.file", &self.credentials.file, crate::credentials::OTHERS, found);
        if let Err(complaints) = self.quotas.quotas() {
            found.extend(complaints);
        }
        if let Err(error) = crate::logs::filter(&self.logs.level) {
            found.push(Complaint::new(
                "logs.level",
                error,
                "It is error, warn, info, debug, trace or off, or such as info,kms_server=debug.",
            ));
        }
        if !self.xks.enabled {
            return;
        }
        let prefix = &self.xks.path_prefix;
        if !prefix.is_empty() && (!prefix.starts_with('/') || prefix.ends_with('/')) {
            found.push(Complaint::new("xks.path_prefix", "is no prefix of a path", "It is empty, or such as /prod."));
        }
        match &self.xks.region {
            None => found.push(Complaint::new("xks.region", "is not set", "It is the region whose keys are offered.")),
            Some(region) if !self.service.regions.contains(&region.0) => found.push(Complaint::new(
                "xks.region",
                format!("{} is not served", region.0),
                "It is one of the regions in [service].",
            )),
            Some(_) => {}
        }
        if self.xks.account.is_none() {
            found.push(Complaint::new("xks.account", "is not set", "It is the account whose keys are offered."));
        }
    }
}

/// That a file is there and can be read.
fn readable(place: &str, path: &Path, found: &mut Vec<Complaint>) -> bool {
    let opened = std::fs::File::open(path);
    if let Err(error) = &opened {
        let message = format!("{} cannot be read: {error}", path.display());
        found.push(Complaint::new(place, message, "The server reads it as its own user."));
    }
    opened.is_ok()
}

/// What those who are neither the owner nor of the group may do.
const OTHERS: u32 = 0o007;

/// That a file is there, can be read, and that nobody has any of the rights in `closed`.
fn secret(place: &str, path: &Path, closed: u32, found: &mut Vec<Complaint>) {
    if !readable(place, path, found) {
        return;
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(path).map_or(0, |about| about.permissions().mode() & 0o777);
        if mode & closed != 0 {
            let message = format!("{} is open to others (mode {mode:04o})", path.display());
            let advice = format!("chmod 600 {}, and consider whether someone has read it.", path.display());
            found.push(Complaint::new(place, message, advice));
        }
    }
}
