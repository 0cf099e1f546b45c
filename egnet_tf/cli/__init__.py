"""What every command shares: flags, flag files, errors in one line, tables."""
