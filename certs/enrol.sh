#!/bin/sh
# Puts the weir CA into this machine's trust store, or takes it out again.
#   enrol.sh FILE.pem            add     (Debian, Ubuntu, Alpine, RHEL, Fedora, SUSE, Arch, macOS)
#   enrol.sh --remove FILE.pem   remove
set -eu

usage="usage: enrol.sh [--remove] FILE.pem"

case "${1:-}" in
-h | --help)
    cat <<END
$usage
Puts the weir CA into this machine's trust store, or takes it out again (--remove). Run it as root.
FILE.pem is weir-ca.pem, from: weir ca show --out weir-ca.pem
Knows Debian, Ubuntu, Alpine, RHEL, Fedora, SUSE, Arch, macOS. Programs with roots of their own: certs/README.md
END
    exit 0
    ;;
esac

remove=no
if [ "${1:-}" = --remove ]; then
    remove=yes
    shift
fi
[ $# -eq 1 ] || { echo "$usage" >&2; exit 2; }
ca=$1
case "$ca" in
-*) echo "enrol.sh: there is no option $ca; $usage" >&2; exit 2 ;;
esac
[ -r "$ca" ] || { echo "enrol.sh: $ca cannot be read" >&2; exit 2; }
if grep -q "PRIVATE KEY" "$ca"; then
    echo "enrol.sh: $ca holds a private key; give the certificate (weir-ca.pem)" >&2
    exit 2
fi
grep -q "BEGIN CERTIFICATE" "$ca" || { echo "enrol.sh: $ca holds no PEM certificate" >&2; exit 2; }
[ "$(id -u)" -eq 0 ] || { echo "enrol.sh: run it as root (sudo)" >&2; exit 2; }

if [ "$(uname -s)" = Darwin ]; then
    if [ "$remove" = yes ]; then
        security remove-trusted-cert -d "$ca"
    else
        security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain "$ca"
    fi
    exit 0
fi

# The first directory that exists names the distribution's family.
if command -v update-ca-certificates >/dev/null && [ -d /usr/share/pki/trust/anchors ]; then
    anchors=/usr/share/pki/trust/anchors update="update-ca-certificates"
elif command -v update-ca-certificates >/dev/null; then
    anchors=/usr/local/share/ca-certificates update="update-ca-certificates"
    # Only --fresh drops the links of a certificate that is gone.
    if [ "$remove" = yes ] && [ -e /etc/debian_version ]; then update="update-ca-certificates --fresh"; fi
elif [ -d /etc/pki/ca-trust/source/anchors ]; then
    anchors=/etc/pki/ca-trust/source/anchors update="update-ca-trust extract"
elif [ -d /etc/ca-certificates/trust-source/anchors ]; then
    anchors=/etc/ca-certificates/trust-source/anchors update="update-ca-trust extract"
else
    echo "enrol.sh: no known trust store here; see certs/README.md" >&2
    exit 1
fi

# One file a CA, so that the old and the new one can stand side by side during a rotation.
mark=$(cksum <"$ca" | cut -d' ' -f1)
target=$anchors/weir-ca-$mark.crt
if [ "$remove" = yes ]; then
    rm -f "$target"
else
    mkdir -p "$anchors"
    install -m 0644 "$ca" "$target"
fi
$update

# Debian adds local CAs to Java's store too, but never takes them out again.
java=/etc/ssl/certs/java/cacerts
if [ "$remove" = yes ] && [ -e "$java" ]; then
    if ! command -v keytool >/dev/null; then
        echo "enrol.sh: no keytool here: look whether $java still holds debian:weir-ca-$mark.pem" >&2
        exit 1
    fi
    if keytool -list -keystore "$java" -storepass changeit -alias "debian:weir-ca-$mark.pem" >/dev/null 2>&1; then
        keytool -delete -keystore "$java" -storepass changeit -alias "debian:weir-ca-$mark.pem"
    fi
fi
