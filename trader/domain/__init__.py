"""The words of the house: frozen values without I/O. Everything else imports these, they import nothing of ours."""
