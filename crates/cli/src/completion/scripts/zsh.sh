#compdef PROGRAM
# Completion of PROGRAM in zsh: PROGRAM itself is asked what may follow.
_PROGRAM() {
    local program=PROGRAM line
    # Called by a path: ask that one.
    [[ ${words[1]} == */* ]] && program=${~words[1]}
    local -a lines open closed
    lines=("${(@f)$(COMPLETE=zsh "$program" -- "${(@Q)words[1,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
    for line in $lines; do
        # Behind `+`, more of the same word may follow.
        case $line in
            +*) open+=("${line[2,-1]}") ;;
            -*) closed+=("${line[2,-1]}") ;;
        esac
    done
    (( $#open )) && _describe -V 'values' open -S ''
    (( $#closed )) && _describe -V 'values' closed
}
# The file is the function itself where zsh loads it, and only declares it where it is sourced.
if [[ $funcstack[1] == _PROGRAM ]]; then
    _PROGRAM "$@"
else
    compdef _PROGRAM PROGRAM
fi
