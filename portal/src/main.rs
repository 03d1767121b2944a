//! `releve-portal`: the resident's pages.

fn main() {
    // Filled by the portal's own commands.
}
