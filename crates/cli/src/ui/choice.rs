//! What a user can choose about the display: colours and progress.

use clap::ValueEnum;

/// When colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum ColourChoice {
    /// On a terminal, unless the environment forbids it (`NO_COLOR`, `TERM=dumb`).
    #[default]
    Auto,
    /// In files and pipes, too.
    Always,
    Never,
}

impl ColourChoice {
    /// Whether a stream gets colours; `is_forbidden` by the environment, which a flag outranks.
    pub(super) fn applies(self, is_terminal: bool, is_forbidden: bool) -> bool {
        match self {
            Self::Auto => is_terminal && !is_forbidden,
            Self::Always => true,
            Self::Never => false,
        }
    }
}

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum ProgressChoice {
    /// Bars on a terminal, and now and then a line elsewhere.
    #[default]
    Auto,
    /// Lines, on a terminal, too.
    Plain,
    None,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flag_outranks_the_environment() {
        for (choice, is_terminal, is_forbidden, expected) in [
            (ColourChoice::Auto, true, false, true),
            (ColourChoice::Auto, true, true, false),
            (ColourChoice::Auto, false, false, false),
            (ColourChoice::Always, false, true, true),
            (ColourChoice::Never, true, false, false),
        ] {
            assert_eq!(
                choice.applies(is_terminal, is_forbidden),
                expected,
                "{choice:?} {is_terminal} {is_forbidden}"
            );
        }
    }
}
