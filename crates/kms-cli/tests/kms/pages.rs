//! Help, man pages, completions.

use std::process::Command;

use crate::Home;

const COMMANDS: &[&[&str]] = &[
    &[],
    &["encrypt"],
    &["decrypt"],
    &["inspect"],
    &["key"],
    &["key", "create"],
    &["key", "list"],
    &["key", "show"],
    &["key", "import"],
    &["key", "public-key"],
    &["key", "delete"],
    &["key", "enable"],
    &["key", "disable"],
    &["key", "cancel-deletion"],
    &["key", "description"],
    &["key", "rotate"],
    &["key", "rotation"],
    &["key", "delete-material"],
    &["key", "policy", "get"],
    &["key", "policy", "put"],
    &["key", "grant", "create"],
    &["key", "grant", "list"],
    &["key", "grant", "revoke"],
    &["key", "grant", "retire"],
    &["key", "alias", "create"],
    &["key", "tag"],
    &["key", "untag"],
    &["policy", "simulate"],
    &["audit", "verify"],
    &["audit", "lookup"],
    &["audit", "restart"],
    &["store", "backup"],
    &["store", "restore"],
    &["store", "check"],
    &["credentials", "add"],
    &["credentials", "list"],
    &["credentials", "remove"],
    &["credentials", "seal"],
    &["serve"],
    &["dev"],
    &["doctor"],
    &["hsm", "probe"],
    &["usage"],
    &["generate-data-key"],
    &["sign"],
    &["verify"],
    &["completions"],
    &["man"],
];

#[test]
fn every_command_has_help_and_a_man_page() {
    let home = Home::new();
    for command in COMMANDS {
        let help = home.ok(&[*command, &["--help"]].concat());
        assert!(help.text().contains("Usage: kms"), "{command:?}");
        let page = home.ok(&[&["man"], *command].concat());
        assert!(page.text().contains(".SH SYNOPSIS") && page.text().contains("EXIT STATUS"), "{command:?}");
    }
    assert_eq!(home.run(&["man", "nonsense"]).status, 2);
    assert_eq!(home.run(&[]).status, 2);
    assert_eq!(home.run(&["nonsense"]).status, 2);
}

#[test]
fn every_shell_has_completions() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let page = home.ok(&["completions", shell]);
        assert!(page.text().contains("generate-data-key"), "{shell}");
    }
    // bash at least parses its own.
    let page = home.write("kms.bash", home.ok(&["completions", "bash"]).stdout);
    assert!(Command::new("bash").arg("-n").arg(page).status().unwrap().success());
}
