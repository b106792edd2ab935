//! One pattern of a `.dvcignore`.
//!
//! The language is that of `.gitignore` in the Python library pathspec, which differs from Git if a `!` pattern names a
//! directory: it includes everything below the directory again, not just the directory. Source:
//! <https://dvc.org/doc/user-guide/project-structure/dvcignore-files>.

/// A line of a `.dvcignore`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    /// `false` for a `!` pattern.
    pub(super) is_ignoring: bool,
    /// The pattern ends with a slash: it does not match files.
    pub(super) is_dir_only: bool,
    matcher: Matcher,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Matcher {
    Everything,
    /// `*/` and `**/`, which match nothing with DVC's use of pathspec.
    Nothing,
    Segments {
        segments: Vec<Segment>,
        is_folder_needed: bool,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    /// `**`: any number of directories.
    Folders,
    /// Exactly one name.
    Name(Vec<Token>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Literal(char),
    /// `?`
    One,
    /// `*`
    Many,
    /// `[…]`
    Set {
        is_negated: bool,
        ranges: Vec<(char, char)>,
    },
}

impl Pattern {
    /// Parses a line; `None` for comments, blank lines and lines that pathspec drops.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let line = if line.ends_with("\\ ") { line } else { line.trim_end() };
        if line.is_empty() || line.starts_with('#') || line == "/" {
            return None;
        }
        let (is_ignoring, pattern) = match line.strip_prefix('!') {
            Some(rest) => (false, rest),
            None => (true, line),
        };
        let is_dir_only = pattern.ends_with('/');
        let mut parts: Vec<&str> = pattern.split('/').collect();
        if parts[0].is_empty() {
            parts.remove(0);
        } else if (parts.len() == 1 || (parts.len() == 2 && parts[1].is_empty())) && parts[0] != "**" {
            parts.insert(0, "**");
        }
        if parts.last()?.is_empty() {
            *parts.last_mut()? = "**";
        }
        parts.dedup_by(|next, previous| *next == "**" && *previous == "**");
        let matcher = match parts[..] {
            ["**"] | ["**", "*"] if !is_dir_only => Matcher::Everything,
            ["**"] | ["**", "*", "**"] => Matcher::Nothing,
            ["**", "*"] => Matcher::Everything,
            _ => {
                let is_folder_needed = parts.last() == Some(&"**");
                if is_folder_needed {
                    parts.pop();
                }
                Matcher::Segments {
                    segments: parts.iter().map(|part| segment(part)).collect::<Option<_>>()?,
                    is_folder_needed,
                }
            }
        };
        Some(Self { is_ignoring, is_dir_only, matcher })
    }

    /// Returns whether the pattern matches `path` or a parent of it. Names are separated by `/`; `is_folder` means that the
    /// path is a directory, which has a slash at its end in pathspec.
    pub(super) fn matches(&self, path: &str, is_folder: bool) -> bool {
        match &self.matcher {
            Matcher::Everything => true,
            Matcher::Nothing => false,
            Matcher::Segments { segments, is_folder_needed } => {
                let names: Vec<&str> = path.split('/').collect();
                match_start(segments, &names)
                    .is_some_and(|n_matched| !is_folder_needed || n_matched < names.len() || is_folder)
            }
        }
    }
}

/// Returns the smallest number of first names that the segments match.
fn match_start(segments: &[Segment], names: &[&str]) -> Option<usize> {
    // Only the last `**` and its position are kept: what comes before it has matched as few names as it can.
    let (mut segment, mut taken, mut folders) = (0, 0, None);
    loop {
        match segments.get(segment) {
            None => return Some(taken),
            Some(Segment::Folders) => {
                segment += 1;
                folders = Some((segment, taken));
                continue;
            }
            Some(Segment::Name(tokens))
                if names.get(taken).is_some_and(|name| name_matches(tokens, name)) =>
            {
                segment += 1;
                taken += 1;
                continue;
            }
            Some(Segment::Name(_)) => {}
        }
        let (after, start) = folders.filter(|(_, start)| *start < names.len())?;
        folders = Some((after, start + 1));
        segment = after;
        taken = start + 1;
    }
}

fn name_matches(tokens: &[Token], name: &str) -> bool {
    // Only the last `*` and what it leaves are kept: a later star always replaces an earlier one.
    let (mut token, mut rest, mut star) = (0, name.chars(), None);
    while let Some(character) = rest.clone().next() {
        match tokens.get(token) {
            Some(Token::Many) => {
                star = Some((token, rest.clone()));
                token += 1;
                continue;
            }
            Some(one) if one.matches(character) => {
                token += 1;
                rest.next();
                continue;
            }
            _ => {}
        }
        let Some((star_token, mut star_rest)) = star else { return false };
        star_rest.next();
        rest = star_rest.clone();
        token = star_token + 1;
        star = Some((star_token, star_rest));
    }
    tokens[token..].iter().all(|token| *token == Token::Many)
}

impl Token {
    fn matches(&self, character: char) -> bool {
        match self {
            Self::Literal(literal) => *literal == character,
            Self::One => true,
            Self::Many => false,
            Self::Set { is_negated, ranges } => {
                ranges.iter().any(|(from, to)| (*from..=*to).contains(&character)) != *is_negated
            }
        }
    }
}

/// Parses one segment; `None` if a bracket is not closed or a backslash is at the end.
///
/// Deviation: haul ignores a line of `.dvcignore` that ends with a single backslash, as Git does; DVC crashes on it.
fn segment(text: &str) -> Option<Segment> {
    if text == "**" {
        return Some(Segment::Folders);
    }
    let characters: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut position = 0;
    while position < characters.len() {
        let character = characters[position];
        position += 1;
        match character {
            '\\' => {
                tokens.push(Token::Literal(*characters.get(position)?));
                position += 1;
            }
            '*' => tokens.push(Token::Many),
            '?' => tokens.push(Token::One),
            '[' => {
                let (set, end) = set(&characters, position)?;
                tokens.push(set);
                position = end;
            }
            _ => tokens.push(Token::Literal(character)),
        }
    }
    Some(Segment::Name(tokens))
}

/// Parses a bracket expression whose content starts at `start`; also returns where it ends.
fn set(characters: &[char], start: usize) -> Option<(Token, usize)> {
    let is_negated = matches!(characters.get(start), Some('!' | '^'));
    let first = start + usize::from(is_negated);
    // A closing bracket at the start is a literal.
    let search = first + usize::from(characters.get(first) == Some(&']'));
    let end = search + characters.get(search..)?.iter().position(|character| *character == ']')?;
    let content = &characters[first..end];
    let mut ranges = Vec::new();
    let mut position = 0;
    while position < content.len() {
        let from = content[position];
        if let (Some('-'), Some(to)) = (content.get(position + 1), content.get(position + 2)) {
            ranges.push((from, *to));
            position += 3;
        } else {
            ranges.push((from, from));
            position += 1;
        }
    }
    Some((Token::Set { is_negated, ranges }, end + 1))
}

/// Rewrites a line of a `.dvcignore` in `folder` (relative to the root, with `/`) into one for the root, as DVC does when
/// it merges the files.
pub(super) fn rebase(line: &str, folder: &str) -> String {
    let line = line.trim();
    let (mark, rule) = match line.strip_prefix('!') {
        Some(rest) => ("!/", rest),
        None => ("", line),
    };
    let last = rule.chars().last().map_or(0, char::len_utf8);
    let is_anchored = rule[..rule.len() - last].contains('/') && !rule.starts_with("**/");
    let rule = rule.strip_prefix(if is_anchored { "/" } else { "**/" }).unwrap_or(rule);
    let rule = rule.strip_prefix('\\').unwrap_or(rule);
    let depth = if is_anchored { "" } else { "**/" };
    // A pattern with an inner slash is anchored, with or without a slash in front.
    format!("{mark}{folder}/{depth}{rule}")
}
