"""What every page is made of: document, tables, style and figures."""
