-- A checkpoint of format 3 or 4, looked at as if it had been upgraded.
CREATE TEMP VIEW customer AS
    SELECT c.*, NULL AS modified, NULL AS differing FROM main.customer c;
