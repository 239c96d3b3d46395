# shellcheck shell=bash
# The demo's data: a small server's files, with what real ones hold.

make_source_tree() {
    mkdir -p "$HERE"/srv/{etc,documents/Отчёты,www/images,logs/empty,cache/pages}
    printf 'listen 80;\nroot www;\n' >"$HERE/srv/etc/site.conf"
    printf 'Квартальный отчёт\n' >"$HERE/srv/documents/Отчёты/Первый квартал.txt"
    printf 'Список дел\n' >"$HERE/srv/documents/дела.txt"
    seq 1 60000 >"$HERE/srv/logs/access.log"
    head -c 1500000 /dev/urandom >"$HERE/srv/www/images/photo.jpg"
    ln "$HERE/srv/www/images/photo.jpg" "$HERE/srv/www/images/same-photo.jpg"
    ln -s images "$HERE/srv/www/pictures"
    ln -s /nowhere/at/all "$HERE/srv/www/broken-link"
    printf 'rebuilt at any time\n' >"$HERE/srv/cache/pages/index.html"
    printf 'half done\n' >"$HERE/srv/documents/upload.tmp"
    chmod 750 "$HERE/srv/etc"
    chmod 600 "$HERE/srv/etc/site.conf"
    # What is written within a clock tick of a backup may have changed after it was read, so the next differential takes
    # it once more. The demo counts on files that are older than its full backup.
    sleep 0.2
}

change_source_tree() {
    printf 'listen 443;\nroot www;\n' >"$HERE/srv/etc/site.conf"
    printf 'Второй квартал\n' >"$HERE/srv/documents/Отчёты/Второй квартал.txt"
    rm "$HERE/srv/documents/дела.txt"
}
