# fish completion for krista-backup

# The program and its --config as far as they are typed.
function __krista_backup_ask
    set -l words (commandline -opc)
    set -l configuration
    if set -l index (contains -i -- --config $words)
        set configuration --config $words[(math $index + 1)]
    end
    $words[1] $configuration list --json 2>/dev/null
end

# Names of tasks and actions; the second level of the document is the only one with these.
function __krista_backup_units
    __krista_backup_ask | string replace -rf '^      "name": "(.*)",?$' '$1'
end

# Only tasks can be scheduled; in the document they come last.
function __krista_backup_tasks
    echo all
    __krista_backup_ask | sed -n '/^  "tasks": /,$p' | string replace -rf '^      "name": "(.*)",?$' '$1'
end

function __krista_backup_verb
    __fish_seen_subcommand_from $argv
end

complete -c krista-backup -f
complete -c krista-backup -s h -l help -d 'Print help'
complete -c krista-backup -n __fish_use_subcommand -l config -rF -d 'Configuration file'
complete -c krista-backup -n __fish_use_subcommand -l version -d 'Print the version'

complete -c krista-backup -n __fish_use_subcommand -a run -d 'Run a task or an action'
complete -c krista-backup -n __fish_use_subcommand -a check -d 'Validate the configuration'
complete -c krista-backup -n __fish_use_subcommand -a list -d 'List tasks and actions'
complete -c krista-backup -n __fish_use_subcommand -a enable -d 'Put a task into the crontab'
complete -c krista-backup -n __fish_use_subcommand -a disable -d 'Take a task out of the crontab'
complete -c krista-backup -n __fish_use_subcommand -a backups -d 'List the backups on disk'
complete -c krista-backup -n __fish_use_subcommand -a restore -d 'Bring data back'
complete -c krista-backup -n __fish_use_subcommand -a verify -d 'Read backups to their end'
complete -c krista-backup -n __fish_use_subcommand -a upgrade -d 'Take over from KristaBackup 1.7'
complete -c krista-backup -n __fish_use_subcommand -a status -d 'Show the state of servers'
complete -c krista-backup -n __fish_use_subcommand -a logs -d 'List or show logs'
complete -c krista-backup -n __fish_use_subcommand -a web -d 'Start or stop the webapi'
complete -c krista-backup -n __fish_use_subcommand -a help -d 'Print the documentation'

complete -c krista-backup -n '__krista_backup_verb run backups restore verify' -a '(__krista_backup_units)'
complete -c krista-backup -n '__krista_backup_verb enable en disable dis' -a '(__krista_backup_tasks)'
complete -c krista-backup -n '__krista_backup_verb verify' -F
complete -c krista-backup -n '__krista_backup_verb web' -a 'start stop'

complete -c krista-backup -n '__krista_backup_verb run' -l dry -d 'Only report what would be done'
complete -c krista-backup -n '__krista_backup_verb run' -s v -l verbose -d 'Show everything on the terminal'
complete -c krista-backup -n '__krista_backup_verb run' -l on-weekdays -x -d 'Only on these weekdays'
complete -c krista-backup -n '__krista_backup_verb run check list backups upgrade status logs' -l json -d 'Print one JSON document'

complete -c krista-backup -n '__krista_backup_verb restore' -l to -xa '(__fish_complete_directories)' -d 'Directory to restore to'
complete -c krista-backup -n '__krista_backup_verb restore' -l at -x -d 'As of when'
complete -c krista-backup -n '__krista_backup_verb restore' -l only -x -d 'Only what matches'
complete -c krista-backup -n '__krista_backup_verb restore' -l list -d 'Show instead of restoring'
complete -c krista-backup -n '__krista_backup_verb restore' -l force -d 'Restore over what is there'
complete -c krista-backup -n '__krista_backup_verb restore' -l privileged -d 'Devices, setuid bits, labels too'
complete -c krista-backup -n '__krista_backup_verb restore' -l keep-going -d 'What can be read of a damaged backup'
complete -c krista-backup -n '__krista_backup_verb restore' -l db -x -d 'The database whose dump is wanted'
complete -c krista-backup -n '__krista_backup_verb restore' -l to-db -x -d 'The new database'

complete -c krista-backup -n '__krista_backup_verb upgrade' -l from -xa '(__fish_complete_directories)' -d 'Directory of KristaBackup 1.7'
complete -c krista-backup -n '__krista_backup_verb upgrade' -l apply -d 'Replace its crontab lines'

complete -c krista-backup -n '__krista_backup_verb status' -l servers -rF -d 'File with addresses'
complete -c krista-backup -n '__krista_backup_verb status' -l timeout -x -d 'How long a server may take'
complete -c krista-backup -n '__krista_backup_verb status' -l watch -x -d 'Ask again every this many seconds'
complete -c krista-backup -n '__krista_backup_verb status logs' -l token-file -rF -d 'File with the token'

complete -c krista-backup -n '__krista_backup_verb logs' -l debug -d 'The debug log of the same run'
complete -c krista-backup -n '__krista_backup_verb logs' -l last -xa '(__krista_backup_units)' -d 'The newest log of a unit'
complete -c krista-backup -n '__krista_backup_verb logs' -s f -l follow -d 'Keep showing what is added'

complete -c krista-backup -n '__krista_backup_verb web' -l api -d 'The webapi'
complete -c krista-backup -n '__krista_backup_verb web' -l webapi -d 'The same'
complete -c krista-backup -n '__krista_backup_verb web' -l user -x -a '(__fish_complete_users)' -d 'The user start becomes'

complete -c krista-backup -n '__krista_backup_verb help' -l lang -xa 'en ru' -d 'Language'
