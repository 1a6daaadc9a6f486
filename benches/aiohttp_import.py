"""A simple import script without a checkpoint, for benches/raw_speed.rs.

Reads a CSV and sends each row once, 64 at a time. Rows without a response are
lost, and a second run would send everything again.

    python3 aiohttp_import.py URL ROWS.CSV CLIENT_ID CLIENT_SECRET
"""

import asyncio
import csv
import sys
import time

import aiohttp


def body(row):
    """A row of the table as the API wants it."""
    customer = {}
    for column, value in row.items():
        if not value:
            continue
        if column.startswith("billingContact."):
            contact = customer.setdefault("billingContact", {})
            contact[column.removeprefix("billingContact.")] = value
        else:
            customer[column] = value
    return customer


async def main(url, path, client_id, client_secret):
    headers = {"Kable-Client-Id": client_id, "Kable-Client-Secret": client_secret}
    semaphore = asyncio.Semaphore(64)
    connector = aiohttp.TCPConnector(limit=64)
    async with aiohttp.ClientSession(headers=headers, connector=connector) as session:

        async def create(row):
            async with semaphore:
                async with session.post(f"{url}/api/v1/customers/create", json=body(row)) as response:
                    response.raise_for_status()
                    await response.json()

        began = time.monotonic()
        with open(path, newline="", encoding="utf-8") as table:
            rows = list(csv.DictReader(table))
        await asyncio.gather(*(create(row) for row in rows))
        print(len(rows) / (time.monotonic() - began))


asyncio.run(main(*sys.argv[1:]))
