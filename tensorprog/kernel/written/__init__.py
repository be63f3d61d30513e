"""Programs and statements as they are written: what is compared with a certificate and printed, and proves nothing."""
