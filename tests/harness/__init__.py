"""What end-to-end tests stand on: doubles and weir as real processes, real SDKs, a register of planted secrets."""
