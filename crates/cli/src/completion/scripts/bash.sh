# Completion of PROGRAM in bash: PROGRAM itself is asked what may follow.
_PROGRAM() {
    local program=PROGRAM candidate
    # Called by a path: ask that one.
    case $1 in */*) program=${1/#\~\//$HOME/} ;; esac
    COMPREPLY=()
    while IFS= read -r candidate; do
        COMPREPLY+=("$candidate")
    done < <(COMPLETE=bash "$program" -- "${COMP_LINE:0:COMP_POINT}" "$COMP_WORDBREAKS" 2>/dev/null)
    # More of the same word may follow.
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=/:.] ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
complete -o bashdefault -o nosort -F _PROGRAM PROGRAM 2>/dev/null || complete -o bashdefault -F _PROGRAM PROGRAM
