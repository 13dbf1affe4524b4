# Accounts, certificates and servers that people log in to: sourced after lib.sh.

# account NS USER PASSWORD: a user of the namespace alone; "ip netns exec" lays these files over the machine's.
account() {
	local d=/etc/netns/$P-$1 home=$LAB/home-$2 f
	need openssl
	for f in passwd group shadow; do [ -e "$d/$f" ] || cp "/etc/$f" "$d/$f"; done
	mkdir -p "$home"
	head -c 700 < <(yes "a line of a file, of no meaning") >"$home/notes.txt"
	echo "$2:x:4711:4711::$home:/bin/sh" >>"$d/passwd"
	echo "$2:x:4711:" >>"$d/group"
	echo "$2:$(openssl passwd -6 "$3"):19000:0:99999:7:::" >>"$d/shadow"
	chmod 600 "$d/shadow"
	chown -R 4711:4711 "$home"
	chmod a+rx "$LAB"
}

# certificate NAME: LAB/cert.pem and LAB/key.pem.
certificate() {
	openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj "/CN=$1" -keyout "$LAB/key.pem" -out "$LAB/cert.pem" 2>/dev/null
}

# ftpd NS [OPTION=VALUE...]: vsftpd with accounts, passive ports 50000 to 50010.
ftpd() {
	local n=$1 port=21 o
	shift
	need vsftpd
	for o in "$@"; do case $o in listen_port=*) port=${o#*=} ;; esac; done
	mkdir -p "$LAB/empty"
	{
		printf '%s\n' listen=YES background=NO local_enable=YES write_enable=YES anonymous_enable=NO seccomp_sandbox=NO \
			chroot_local_user=YES allow_writeable_chroot=YES \
			pasv_min_port=50000 pasv_max_port=50010 connect_from_port_20=YES require_ssl_reuse=NO force_local_data_ssl=NO \
			force_local_logins_ssl=NO ssl_tlsv1=YES "rsa_cert_file=$LAB/cert.pem" "rsa_private_key_file=$LAB/key.pem" \
			"secure_chroot_dir=$LAB/empty" pam_service_name=vsftpd xferlog_enable=YES log_ftp_protocol=YES \
			"vsftpd_log_file=$LAB/vsftpd.log" xferlog_std_format=NO
		printf '%s\n' "$@"
	} >"$LAB/vsftpd-$port.conf"
	bg "$n" vsftpd "$LAB/vsftpd-$port.conf"
	wait_port "$n" "$port"
}

# lister NS WORDS HOST SETTINGS...: lftp lists the directory; one line with the outcome into LAB/answers.
lister() {
	local n=$1 words=$2 host=$3 rc=0 s
	shift 3
	need lftp
	for s in "$@"; do echo "set $s"; done >"$LAB/lftp-$n"
	cat >>"$LAB/lftp-$n" <<-L
		set net:max-retries 1
		set net:persist-retries 0
		set ssl:verify-certificate no
		open -u alice,$PASSWORD $host
		ls
	L
	HOME=$LAB ns "$n" lftp -f "$LAB/lftp-$n" >"$LAB/listing" 2>"$LAB/lftp.err" || rc=$?
	if grep -q notes.txt "$LAB/listing"; then
		echo "$n lftp $words: listed" >>"$LAB/answers"
	else
		echo "$n lftp $words: failed ($rc) $(tail -n 1 "$LAB/lftp.err")" >>"$LAB/answers"
	fi
	rm -f "$LAB/lftp-$n"
}
