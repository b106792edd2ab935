# Completion of PROGRAM in fish: PROGRAM itself is asked what may follow.
function __PROGRAM_complete
    set --local token (commandline --current-token --cut-at-cursor)
    set --local word (string unescape -- $token)
    # A quote that is still open.
    or set word (string replace --regex '^["\']' '' -- $token)
    COMPLETE=fish PROGRAM -- (commandline --current-process --tokenize --cut-at-cursor) "$word" 2>/dev/null
end
complete --keep-order --exclusive --command PROGRAM --arguments "(__PROGRAM_complete)"
