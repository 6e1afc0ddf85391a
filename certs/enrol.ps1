# Puts the weir CA into this Windows machine's trusted roots, or takes it out again. Run as administrator.
#   .\enrol.ps1 -Path weir-ca.cer [-Remove]
param([Parameter(Mandatory = $true)][string]$Path, [switch]$Remove)
$ErrorActionPreference = 'Stop'

$full = (Resolve-Path -LiteralPath $Path).Path
$certificate = New-Object System.Security.Cryptography.X509Certificates.X509Certificate2 $full
if ($certificate.HasPrivateKey) { throw 'This file holds a private key; give the certificate (weir-ca.cer).' }

$store = New-Object System.Security.Cryptography.X509Certificates.X509Store 'Root', 'LocalMachine'
$store.Open('ReadWrite')
try {
    if ($Remove) { $store.Remove($certificate) } else { $store.Add($certificate) }
}
finally { $store.Close() }
