//! A root key derived from a passphrase with Argon2id (RFC 9106).

use alloc::vec::Vec;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use kms_core::{Error, ErrorKind, RandomSource, Secret, SystemRandom};
use zeroize::Zeroizing;

use super::{KEY_LEN, RootInfo, RootKey, RootKind};

/// Fewest characters of a new passphrase: it is the one thing between a copy of the file and the keys (NIST SP
/// 800-63B-4, section 3.1.1.2, on passwords that stand alone).
pub const MIN_PASSPHRASE: usize = 15;

/// What deriving a root key from a passphrase costs, to its owner and to whoever guesses.
///
/// ```
/// use kms_soft::keyring::PassphraseCost;
/// assert_eq!(PassphraseCost::default(), PassphraseCost::RECOMMENDED);
/// assert!(PassphraseCost::new(4 << 20, 3, 4).is_err());
/// # Ok::<(), kms_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PassphraseCost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl PassphraseCost {
    /// The second recommendation of RFC 9106, section 4: 64 MiB, 3 passes, 4 lanes. Its first, 2 GiB, fails in
    /// containers and small machines, which must open their keyrings too; the OWASP Password Storage Cheat Sheet asks
    /// for 19 MiB and 2 passes at least.
    pub const RECOMMENDED: Self = Self { memory_kib: 64 << 10, passes: 3, lanes: 4 };

    /// Most that is spent on a keyring, so that a hostile file cannot take a machine's memory or its day.
    const MOST: Self = Self { memory_kib: 1 << 20, passes: 16, lanes: 16 };

    /// Another cost: memory in KiB, passes over it, lanes. Less than [`RECOMMENDED`](Self::RECOMMENDED) is for tests.
    ///
    /// # Errors
    /// `InvalidInput` for no passes or lanes, less than 8 KiB a lane, or more than 1 GiB, 16 passes or 16 lanes.
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, Error> {
        let most = Self::MOST;
        let fits = (1..=most.lanes).contains(&lanes)
            && (1..=most.passes).contains(&passes)
            && (8 * lanes..=most.memory_kib).contains(&memory_kib);
        if !fits {
            return Err(Error::invalid_input(
                "Argon2id takes 1 to 16 passes, 1 to 16 lanes, and from 8 KiB for each lane to 1 GiB of memory",
            ));
        }
        Ok(Self { memory_kib, passes, lanes })
    }

    /// Memory in KiB.
    #[must_use]
    pub const fn memory_kib(self) -> u32 {
        self.memory_kib
    }

    /// Passes over the memory.
    #[must_use]
    pub const fn passes(self) -> u32 {
        self.passes
    }

    /// Lanes.
    #[must_use]
    pub const fn lanes(self) -> u32 {
        self.lanes
    }
}

impl Default for PassphraseCost {
    fn default() -> Self {
        Self::RECOMMENDED
    }
}

impl RootKey {
    /// Derives a root key for a new keyring from a passphrase of at least [`MIN_PASSPHRASE`] characters.
    ///
    /// The bytes count as they are: who enters other than ASCII characters on different machines sees to it that they
    /// are encoded alike. **Who forgets the passphrase loses every key of the keyring.**
    ///
    /// # Errors
    /// `InvalidInput` if it is too short; `Internal` if there is not the memory, or the random generator fails.
    pub fn from_new_passphrase(passphrase: &Secret, cost: PassphraseCost) -> Result<Self, Error> {
        if characters(passphrase) < MIN_PASSPHRASE {
            return Err(Error::invalid_input(alloc::format!(
                "a passphrase for a keyring has at least {MIN_PASSPHRASE} characters; several random words are a good one"
            )));
        }
        let mut salt = [0; 16];
        SystemRandom.fill(&mut salt)?;
        Self::from_passphrase(passphrase, cost, salt)
    }

    /// Derives a root key again, from its passphrase and what is known of it.
    ///
    /// Takes the time and memory that `info` names, at most 1 GiB.
    ///
    /// # Errors
    /// `Unauthorized` if the passphrase is wrong; `InvalidInput` if the root key is not one of a passphrase; `Internal` if
    /// there is not the memory.
    pub fn from_known_passphrase(passphrase: &Secret, info: &RootInfo) -> Result<Self, Error> {
        let RootKind::Passphrase { cost, salt } = info.kind else {
            return Err(Error::invalid_input(alloc::format!("the root key is {info}, and has no passphrase")));
        };
        let root = Self::from_passphrase(passphrase, cost, salt)?;
        if root.info.id != info.id {
            return Err(Error::with_detail(ErrorKind::Unauthorized, "wrong passphrase"));
        }
        Ok(root)
    }

    /// Derives the root key of a keyring that names `cost` and `salt`; whether it is the right one shows in its id.
    pub(crate) fn from_passphrase(passphrase: &Secret, cost: PassphraseCost, salt: [u8; 16]) -> Result<Self, Error> {
        let secret = derive(passphrase, cost, &salt)?;
        Self::in_memory(secret, RootKind::Passphrase { cost, salt })
    }
}

/// Characters where the passphrase is text, bytes where it is not.
fn characters(passphrase: &Secret) -> usize {
    core::str::from_utf8(passphrase.expose()).map_or(passphrase.len(), |text| text.chars().count())
}

fn derive(passphrase: &Secret, cost: PassphraseCost, salt: &[u8; 16]) -> Result<Secret, Error> {
    let failed = |_| Error::with_detail(ErrorKind::Internal, "Argon2id failed");
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(KEY_LEN)).map_err(failed)?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    // The crate's own memory is not wiped, and the key follows from its last blocks.
    let mut memory = Zeroizing::new(Vec::new());
    let blocks = argon2.params().block_count();
    memory.try_reserve_exact(blocks).map_err(|_| {
        Error::with_detail(
            ErrorKind::Internal,
            alloc::format!("not enough memory: deriving the key takes {} KiB", cost.memory_kib),
        )
    })?;
    memory.resize(blocks, Block::new());
    let mut key = Secret::zeroed(KEY_LEN);
    argon2
        .hash_password_into_with_memory(passphrase.expose(), salt, key.expose_mut(), memory.as_mut_slice())
        .map_err(failed)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_answer_pins_algorithm_version_and_parameters() {
        // The reference implementation says so: `printf … | argon2 somesaltsomesalt -id -t 3 -k 64 -p 2 -l 32 -r`.
        let cost = PassphraseCost::new(64, 3, 2).unwrap();
        let key = derive(&Secret::copy_from(b"correct horse battery"), cost, b"somesaltsomesalt").unwrap();
        let hex: alloc::string::String = key.expose().iter().map(|byte| alloc::format!("{byte:02x}")).collect();
        assert_eq!(hex, "7e8681a2c30c2e9d327ca9b420a6015db09c494352b51d8e01219f206b18405e");
    }

    #[test]
    fn a_hostile_cost_is_refused() {
        for (memory, passes, lanes) in
            [(7, 1, 1), (64, 0, 1), (64, 1, 0), ((1 << 20) + 1, 1, 1), (64, 17, 1), (256, 1, 17)]
        {
            assert!(PassphraseCost::new(memory, passes, lanes).is_err(), "{memory} {passes} {lanes}");
        }
        assert!(PassphraseCost::new(8, 1, 1).is_ok());
        assert!(PassphraseCost::new(u32::MAX, u32::MAX, u32::MAX).is_err());
    }

    #[test]
    fn length_is_counted_in_characters() {
        let short = Secret::copy_from("áéíóúáéíóúáéíó".as_bytes());
        let cost = PassphraseCost::new(8, 1, 1).unwrap();
        assert_eq!(RootKey::from_new_passphrase(&short, cost).unwrap_err().kind(), ErrorKind::InvalidInput);
        let long = Secret::copy_from("áéíóúáéíóúáéíóú".as_bytes());
        assert!(RootKey::from_new_passphrase(&long, cost).is_ok());
    }
}
