#compdef krista-backup

# The program and its --config as far as they are typed.
_krista_backup_ask() {
    $krista_backup $configuration list --json 2>/dev/null
}

# Names of tasks and actions; the second level of the document is the only one with these.
_krista_backup_units() {
    local -a units
    units=(${(f)"$(_krista_backup_ask | sed -n 's/^      "name": "\(.*\)",\{0,1\}$/\1/p')"})
    compadd -a units
}

# Only tasks can be scheduled; in the document they come last.
_krista_backup_tasks() {
    local -a tasks
    tasks=(all ${(f)"$(_krista_backup_ask | sed -n '/^  "tasks": /,$s/^      "name": "\(.*\)",\{0,1\}$/\1/p')"})
    compadd -a tasks
}

_krista_backup_verbs() {
    local -a verbs
    verbs=(
        'run:run a task or an action'
        'check:validate the configuration'
        'list:list tasks and actions'
        'enable:put a task into the crontab'
        'disable:take a task out of the crontab'
        'backups:list the backups on disk'
        'restore:bring data back'
        'verify:read backups to their end'
        'upgrade:take over from KristaBackup 1.7'
        'status:how servers stand'
        'logs:list or show logs'
        'web:start or stop the webapi'
        'help:print the documentation'
    )
    _describe command verbs
}

_krista_backup() {
    local krista_backup=$words[1] state line
    local -A opt_args
    local -a configuration json=('--json[print one JSON document]') help=('(- *)'{-h,--help}'[print help]')

    _arguments -C \
        '--config[configuration file]:file:_files' \
        '(- *)--version[print the version]' \
        $help \
        '1: :_krista_backup_verbs' \
        '*:: :->arguments'
    local answer=$?
    [[ $state == arguments ]] || return answer
    [[ -z $opt_args[--config] ]] || configuration=(--config $opt_args[--config])

    case $line[1] in
        run)
            _arguments $json $help \
                '--dry[only report what would be done]' \
                '(-v --verbose)'{-v,--verbose}'[show everything on the terminal]' \
                '--on-weekdays[only on these weekdays]:days:' \
                '1:unit:_krista_backup_units'
            ;;
        check | list) _arguments $json $help ;;
        enable | en | disable | dis) _arguments $help '1:task:_krista_backup_tasks' ;;
        backups) _arguments $json $help '1:unit:_krista_backup_units' ;;
        restore)
            _arguments $help \
                '--to[directory to restore to]:directory:_files -/' \
                '--at[as of when]:time:' \
                '*--only[only what matches]:pattern:' \
                '--list[show instead of restoring]' \
                '--force[restore over what is there]' \
                '--privileged[devices, setuid bits and labels too]' \
                '--keep-going[what can be read of a damaged backup]' \
                '--db[the database whose dump is wanted]:name:' \
                '--to-db[the new database]:name:' \
                '1:unit:_krista_backup_units'
            ;;
        verify) _arguments $help '*: :{ _krista_backup_units; _files }' ;;
        upgrade)
            _arguments $json $help \
                '--from[directory of KristaBackup 1.7]:directory:_files -/' \
                '--apply[replace its crontab lines]'
            ;;
        status)
            _arguments $json $help \
                '--servers[file with addresses]:file:_files' \
                '--token-file[file with the token]:file:_files' \
                '--timeout[how long a server may take]:time:' \
                '--watch[ask again every this many seconds]:seconds:' \
                '*:address:'
            ;;
        logs)
            _arguments $json $help \
                '--debug[the debug log of the same run]' \
                '--last[the newest log of a unit]:unit:_krista_backup_units' \
                '(-f --follow)'{-f,--follow}'[keep showing what is added]' \
                '--token-file[file with the token]:file:_files' \
                '*:address or log:'
            ;;
        web) _arguments $help '--api[the webapi]' '--webapi[the same]' '--user[the user start becomes]:user:_users' '1:order:(start stop)' ;;
        help) _arguments $help '--lang[language]:language:(en ru)' '1:topic:' ;;
    esac
}

_krista_backup "$@"
