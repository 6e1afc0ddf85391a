"""What to do on each platform and with each tool, as sentences and lines to type."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from weir.tls.trust import environment

__all__ = ["Step", "proof", "systems", "tools", "variables"]


class Step(NamedTuple):
    """A sentence, and what to type; either may be empty."""

    say: str = ""
    type: str = ""


type Part = tuple[str, tuple[Step, ...]]

_UNIX, _WINDOWS = "$HOME/.weir", "$HOME\\.weir"


def variables(proxy: str, *, windows: bool = False) -> str:
    """Lines that set all the variables of `weir env` for files in the user's own folder."""
    folder, slash = (_WINDOWS, "\\") if windows else (_UNIX, "/")
    made = environment(proxy, Path("/roots"), Path("/ca"))
    files = {"/roots": f"{folder}{slash}weir-roots.pem", "/ca": f"{folder}{slash}weir-ca.pem"}
    # A system without upper and lower case in names of variables knows each of these once.
    named = {name: files.get(value, value) for name, value in made.items() if not (windows and name.islower())}
    form = '$env:{} = "{}"' if windows else 'export {}="{}"'
    return "\n".join(form.format(name, value) for name, value in named.items())


def _fetch(site: str) -> str:
    return (
        f"mkdir -p ~/.weir\ncurl --noproxy '*' -o ~/.weir/weir-ca.pem {site}/weir-ca.pem\n"
        f"curl --noproxy '*' -o ~/.weir/weir-roots.pem {site}/weir-roots.pem\n"
        "openssl x509 -in ~/.weir/weir-ca.pem -noout -fingerprint -sha256"
    )


def systems(site: str, proxy: str, browsers: str) -> tuple[Part, ...]:
    """Platforms, in the order of the page."""
    return (*_desks(site, proxy, browsers), *_phones_and_browsers(f"{site}/proxy.pac", browsers))


def _desks(site: str, proxy: str, browsers: str) -> tuple[Part, ...]:
    pac = f"{site}/proxy.pac"
    return (
        (
            "Linux",
            (
                Step("Fetch both files, and compare the fingerprint:", _fetch(site)),
                Step(
                    "Debian, Ubuntu, Alpine:",
                    "sudo cp ~/.weir/weir-ca.pem /usr/local/share/ca-certificates/weir-ca.crt\n"
                    "sudo update-ca-certificates",
                ),
                Step(
                    "RHEL, Fedora, Alma, Rocky:",
                    "sudo cp ~/.weir/weir-ca.pem /etc/pki/ca-trust/source/anchors/\nsudo update-ca-trust extract",
                ),
                Step("For programs of a shell (put it into ~/.profile):", variables(proxy)),
                Step(
                    "For the desktop (GNOME); " + browsers,
                    "gsettings set org.gnome.system.proxy mode auto\n"
                    f"gsettings set org.gnome.system.proxy autoconfig-url {pac}",
                ),
            ),
        ),
        (
            "macOS",
            (
                Step("Open the profile (weir-ca.mobileconfig), then allow it: System Settings, General, Device "
                     "Management. Or in a terminal, after the fingerprint was compared:", _fetch(site)),
                Step("", "sudo security add-trusted-cert -d -r trustRoot "
                     "-k /Library/Keychains/System.keychain ~/.weir/weir-ca.pem"),
                Step("The proxy for browsers and apps; " + browsers, f"networksetup -setautoproxyurl Wi-Fi {pac}"),
                Step("For programs of a shell (put it into ~/.zprofile):", variables(proxy)),
            ),
        ),
        (
            "Windows",
            (
                Step("In PowerShell as administrator:",
                     f'New-Item -ItemType Directory -Force "$HOME\\.weir"\n'
                     f'Invoke-WebRequest {site}/weir-ca.pem -OutFile "$HOME\\.weir\\weir-ca.pem"\n'
                     f'Invoke-WebRequest {site}/weir-roots.pem -OutFile "$HOME\\.weir\\weir-roots.pem"\n'
                     f'Invoke-WebRequest {site}/weir-ca.cer -OutFile "$HOME\\.weir\\weir-ca.cer"\n'
                     'certutil -hashfile "$HOME\\.weir\\weir-ca.cer" SHA256'),
                Step("When that is the fingerprint:",
                     'Import-Certificate -FilePath "$HOME\\.weir\\weir-ca.cer" '
                     "-CertStoreLocation Cert:\\LocalMachine\\Root"),
                Step("Settings, Network and Internet, Proxy, Use setup script; " + browsers, pac),
                Step("For programs of a PowerShell session (in $PROFILE for all of them):",
                     variables(proxy, windows=True)),
            ),
        ),
    )  # fmt: skip


def _phones_and_browsers(pac: str, browsers: str) -> tuple[Part, ...]:
    return (
        (
            "iPhone and iPad",
            (
                Step("Open this page in Safari and fetch the profile. Install it: Settings, General, VPN and Device "
                     "Management. Then Settings, General, About, Certificate Trust Settings: turn on full trust."),
                Step("Settings, Wi-Fi, the network, Configure Proxy, Automatic; " + browsers, pac),
            ),
        ),
        (
            "Android",
            (
                Step("Fetch the CA (DER). Settings, Security, Encryption and credentials, Install a certificate, CA "
                     "certificate. Browsers trust it; most apps trust no CA that was added."),
                Step("Wi-Fi, the network, Advanced, Proxy, Auto-config; " + browsers, pac),
            ),
        ),
        (
            "Firefox, and Chrome on Linux",
            (
                Step("Firefox: Settings, Privacy and Security, View Certificates, Authorities, Import weir-ca.pem, to "
                     "identify websites. Settings, Network Settings, Automatic proxy configuration URL:", pac),
                Step("Chrome and Chromium on Linux have a store of their own (certutil: libnss3-tools or nss-tools):",
                     "certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n weir -i ~/.weir/weir-ca.pem"),
            ),
        ),
    )  # fmt: skip


def tools(site: str, proxy: str) -> tuple[Part, ...]:
    """Tools, in the order of the page. With the variables above most need nothing more."""
    ca, roots = "~/.weir/weir-ca.pem", "~/.weir/weir-roots.pem"
    return (
        ("curl", (Step("", f"curl --proxy {proxy} --cacert {roots} https://api.openai.com/v1/models"),)),
        (
            "Python: openai, anthropic, google-genai, requests, pip",
            (
                Step(
                    "They read the proxy and these files from the environment:",
                    f"HTTPS_PROXY={proxy} SSL_CERT_FILE={roots} REQUESTS_CA_BUNDLE={roots} python ask.py",
                ),
                Step("pip keeps its own:", f"pip config set global.proxy {proxy}\npip config set global.cert {roots}"),
            ),
        ),
        (
            "Node, npm",
            (
                Step(
                    "Node adds the CA to its own roots, and its fetch uses a proxy when told so:",
                    f"HTTPS_PROXY={proxy} NODE_USE_ENV_PROXY=1 NODE_EXTRA_CA_CERTS={ca} node ask.mjs",
                ),
                Step("", f"npm config set proxy {proxy}\nnpm config set https-proxy {proxy}\n"
                     f"npm config set cafile {roots}"),
            ),
        ),
        (
            "git",
            (Step("", f"git config --global http.proxy {proxy}\ngit config --global http.sslCAInfo {roots}"),
             Step("On Windows with SChannel, the CA being in the system's store:",
                  "git config --global http.schannelCheckRevoke false")),
        ),
        (
            "Coding agents: Claude Code, Codex, Gemini CLI",
            (
                Step("With the variables of the shell they need nothing but the virtual key your administrator gave "
                     "you, in the variable they read:",
                     "ANTHROPIC_API_KEY=weir-sk-… claude\nCODEX_API_KEY=weir-sk-… codex exec \"…\"\n"
                     "GEMINI_API_KEY=weir-sk-… gemini --skip-trust -p \"…\""),
            ),
        ),
        (
            "Java",
            (
                Step("Into the JVM's own store:",
                     "keytool -importcert -cacerts -storepass changeit -noprompt -alias weir \\\n"
                     "  -file ~/.weir/weir-ca.pem"),
                Step("", f"java -Dhttps.proxyHost={_host(proxy)} -Dhttps.proxyPort={proxy.rpartition(':')[2]} …"),
            ),
        ),
        (
            "Containers",
            (
                Step("Mount the folder, and give the variables that programs in there read:",
                     f"docker run -v ~/.weir:/weir:ro -e HTTPS_PROXY={proxy} -e SSL_CERT_FILE=/weir/weir-roots.pem \\\n"
                     "  -e REQUESTS_CA_BUNDLE=/weir/weir-roots.pem -e NODE_EXTRA_CA_CERTS=/weir/weir-ca.pem …"),
            ),
        ),
    )  # fmt: skip


def proof(site: str) -> Step:
    """How to see that it works."""
    return Step(
        "The issuer of what an AI service shows has to be the CA above (with the variables of the shell set):",
        "curl -sv https://api.openai.com/v1/models 2>&1 | grep issuer",
    )


def _host(proxy: str) -> str:
    return proxy.partition("://")[2].rpartition(":")[0]
