"""Files for people without a notebook: workbooks, CSV, Parquet."""
