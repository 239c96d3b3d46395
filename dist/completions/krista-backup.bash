# bash completion for krista-backup

# Names of tasks and actions; the second level of the document is the only one with these.
_krista_backup_units() {
    "${COMP_WORDS[0]}" "${configuration[@]}" list --json 2>/dev/null | sed -n 's/^      "name": "\(.*\)",\{0,1\}$/\1/p'
}

# Only tasks can be scheduled; in the document they come last.
_krista_backup_tasks() {
    "${COMP_WORDS[0]}" "${configuration[@]}" list --json 2>/dev/null |
        sed -n '/^  "tasks": /,$s/^      "name": "\(.*\)",\{0,1\}$/\1/p'
}

_krista_backup_offer() {
    local word
    for word; do
        [[ $word != "$current"* ]] || COMPREPLY+=("$(printf '%q' "$word")")
    done
}

_krista_backup_paths() {
    local word
    compopt -o filenames 2>/dev/null
    while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen "$1" -- "$current")
}

_krista_backup() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} verb='' index
    local configuration=() names=() options=()
    COMPREPLY=()

    for ((index = 1; index < COMP_CWORD; index++)); do
        case ${COMP_WORDS[index]} in
            --config) configuration=(--config "${COMP_WORDS[++index]}") ;;
            -*) ;;
            *) verb=${COMP_WORDS[index]} && break ;;
        esac
    done

    case $previous in
        --config | --servers | --token-file) _krista_backup_paths -f && return ;;
        --to | --from) _krista_backup_paths -d && return ;;
        --last) mapfile -t names < <(_krista_backup_units) && _krista_backup_offer "${names[@]}" && return ;;
        --user) _krista_backup_paths -u && return ;;
        --lang) _krista_backup_offer en ru && return ;;
        --at | --only | --db | --to-db | --timeout | --watch | --on-weekdays) return ;;
    esac

    case $verb in
        '')
            options=(--config --version)
            names=(run check list enable disable backups restore verify upgrade status logs web help)
            ;;
        run) options=(--dry --verbose -v --json --on-weekdays) ;;
        check | list | backups) options=(--json) ;;
        restore) options=(--to --at --only --list --force --privileged --keep-going --db --to-db) ;;
        upgrade) options=(--from --apply --json) ;;
        status) options=(--servers --token-file --timeout --watch --json) ;;
        logs) options=(--debug --last --follow -f --token-file --json) ;;
        web) options=(--api --webapi --user) names=(start stop) ;;
        help) options=(--lang) ;;
    esac
    if [[ $current == -* ]]; then
        _krista_backup_offer "${options[@]}" -h --help
        return
    fi
    case $verb in
        run | backups | restore | verify) mapfile -t names < <(_krista_backup_units) ;;
        enable | en | disable | dis) mapfile -t names < <(echo all && _krista_backup_tasks) ;;
    esac
    _krista_backup_offer "${names[@]}"
    [ "$verb" != verify ] || _krista_backup_paths -f
}

complete -F _krista_backup krista-backup
