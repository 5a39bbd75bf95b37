/*
 * A chain of three sets. The first and the third were made by dkimpy, the second (Ed25519) by
 * tests/lib/arcsign.py; between the first and the second a list added its footer.
 */
#ifndef TESTS_ARC_CHAIN_H
#define TESTS_ARC_CHAIN_H

/* clang-format off */
static const char arc_header[] =
    "ARC-Seal: i=3; cv=pass; a=rsa-sha256; d=relay.example.com; s=small;\r\n"
    " t=1795509732;\r\n"
    " b=T5F8x1LtXDBODN3zRO8gcb1yvhNdUr+2uiwVz5MQSzRPqAWZ96+K765jxlpKFWfQHxhuk\r\n"
    " lt1sB5JeEnYmaXHiTGWVz72rYXjfEXIdl85O/BE3kzxOmJCXZ9/1PMd7LGcxWm3xj/ufGSh\r\n"
    " 2YZEUrjIopmHmpmAdUmD6hcbpYLFZok=\r\n"
    "ARC-Message-Signature: i=3; a=rsa-sha256; c=relaxed/relaxed;\r\n"
    " d=relay.example.com; s=small; t=1795509732; h=from : to : subject :\r\n"
    " date : mime-version; bh=dt4dfUC7cEofnffNHaow/1/TnPvVeofG1uDskEZR7Ms=;\r\n"
    " b=Z5Per6szkKyXNezZRdjEC063DaLaO2pRoeGCgI/n2yj79B09bojnyjEFAmsG2Kj2x2IFg\r\n"
    " bd2Dg+XZw8HvxODpnXqIUW+LJC8ZdL5XALNcmtYCc9laGWbVeggh/gGtg7IgE4CESkdJCAR\r\n"
    " +nwcPf4jaI0UebhSYcZqxsdG7SNzigU=\r\n"
    "ARC-Authentication-Results: i=3; relay.example.com; spf=fail smtp.mailfrom=joe@e"
    "xample.org;\r\n"
    "  dmarc=fail header.from=example.org;\r\n"
    "  arc=pass\r\n"
    "ARC-Seal: i=2;\r\n"
    " a=ed25519-sha256;\r\n"
    " cv=pass;\r\n"
    " d=lists.example.net;\r\n"
    " s=ed;\r\n"
    " t=12345;\r\n"
    " b=njiv98XX+VdESbWJGKQjIsBmm8T38jnMp4MT5gFQyQ/4/UxFjMDsFIB1TuR2xktvfBuUeu+Z50iR3"
    "5XR3oLDDg==\r\n"
    "ARC-Message-Signature: i=2;\r\n"
    " a=ed25519-sha256;\r\n"
    " c=relaxed/relaxed;\r\n"
    " d=lists.example.net;\r\n"
    " s=ed;\r\n"
    " t=12345;\r\n"
    " h=from:to:subject:date;\r\n"
    " bh=dt4dfUC7cEofnffNHaow/1/TnPvVeofG1uDskEZR7Ms=;\r\n"
    " b=PfGEgUKmgId6mUoZbuqZN0xHG7N7GQUKU3p1NkREwAkZ85dzpe6UBMf9PPJ7PaL4jL1N0JZKSng0f"
    "pY28W7QDQ==\r\n"
    "ARC-Authentication-Results: i=2; mx.example.org;\r\n"
    " spf=fail smtp.mailfrom=joe@example.org;\r\n"
    " dmarc=fail header.from=example.org; arc=pass\r\n"
    "ARC-Seal: i=1; cv=none; a=rsa-sha256; d=lists.example.net; s=big;\r\n"
    " t=1795509732;\r\n"
    " b=zlOzOmeWkQYu/RSKm8h5Vlfe1sZR1dsJi8ajUABgODUoAkrSN2MX30L0GZfPjrz7NbPjo\r\n"
    " As6qiaxkPsNlLUz3CnI82lnAQrueVdyc6TZv5VncHOPIq8B3oYTV2Hi374vQcxkvwZapD7l\r\n"
    " Kwv0lcvsvnZYMNUTKvD/XF1Pf6JAFbp+oCwh8FAzvqPM4XU1qgGHg+Jax+HhiRBR4jdnS4q\r\n"
    " PH+LhswpL+MDpGETzhzAZth8x573cRGtdFl2GUdeUjyQIX1pHWarLPw9jXKQgcGyZF374md\r\n"
    " ihAUjTjhKTYn/jIQm1W6uTQc+pmZ7HnIBp1x4Mhg+ARGI+O9x5PC3X3MQKtA==\r\n"
    "ARC-Message-Signature: i=1; a=rsa-sha256; c=relaxed/relaxed;\r\n"
    " d=lists.example.net; s=big; t=1795509732; h=from : to : subject : date\r\n"
    " : cc; bh=KWSe46TZKCcDbH4klJPo+tjk5LWJnVRlP5pvjXFZYLQ=;\r\n"
    " b=dOQCDzdj7+C3IDFdA/IyonFgLcqUONFS7yPory198T6XO85jdbV4BHL39cZlhelCFCvqw\r\n"
    " GHwLUnFeMZOYd0C5PyM6rLszVW27jrT5xqoM/aq9U1QSo9dG/QvurbSUn+RZERpxBwfqtaJ\r\n"
    " 5GxGlWGGPpf4TbE0AjyyHx7tQsExb0IASqwtHk8yj6ylCiBZIhczEhK7W1RVwPhYAo9boWU\r\n"
    " Ll1BGWRJse/ejpqHyIlPLOoikb7/Ofe5TYn1ET0d4GKz0eF03rFxDQKAri2uy9KISlz3svB\r\n"
    " Qa12Rj4oYC9kLVUEbggZegsJjr8b5dOnmMGt9PUTJ95pv3Eim+RlbcB34m4Q==\r\n"
    "ARC-Authentication-Results: i=1; lists.example.net; spf=pass smtp.mailfrom=joe@e"
    "xample.org;\r\n"
    "  dmarc=pass header.from=example.org\r\n"
    "From: Joe Q. Doe <joe@example.org>\r\n"
    "To: list@lists.example.net\r\n"
    "Subject: An example\r\n"
    " in two lines\r\n"
    "Date: Thu, 15 Oct 2015 15:33:45 -0700\r\n"
    "Message-ID: <1@example.org>\r\n";

static const char arc_body[] =
    "Hey gang,\r\n"
    "This is a  test message. \r\n"
    "--J.\r\n"
    "-- \r\n"
    "list footer\r\n"
    "\r\n";

static const char arc_zone[] =
    "big._domainkey.lists.example.net TXT"
    " \"v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA2/+GJcnN\""
    " \"BkuWVWdezF2NGjL9asI9ySonPlWZeMWOvKOrchOMsyTucBBljbvL3V0I7oKsYYQv0nxNva\""
    " \"K2PeYI56ASPUqjRlltLAMmmCCU93VcVYevOSBSK4HR6Cx6m+ufhDgKomsaWUKQ/ONHmEmv\""
    " \"Pui73xjeqQ1Onaqi6vtvEESpArt/dFZ0jDHSihq+AW2RRaDEi2bE3jGkZ44ekv5v+GSZXg\""
    " \"szqqhFJ9bs0GlUTjy//pIUG9SDhCAZ6rURpIka81uAxHBq6phEwh3JjBFFPKP3U6mSlHwZ\""
    " \"e7RNtpo2Cfkk8iXslfUSWXmmvvWf3VxsHvfzXiamw8LQXMtA4HKp7QIDAQAB\""
    "\n"
    "ed._domainkey.lists.example.net TXT"
    " \"v=DKIM1; k=ed25519; p=xx9BCQYeRFkxv78L7D7Jv4xIy++dmUvZPnOOakieRCk=\""
    "\n"
    "small._domainkey.relay.example.com TXT"
    " \"v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC6PD6y/CvAkQry\""
    " \"YUu3CNo4tVFstgzMAYcpGOqvH0wHzyYiNoikYiVVNIMUtVN+sQo/Pqcv8T+Ga5wVvrO3xx\""
    " \"SlcD9sJPW7dJWa4qYBDUraTG/igsPQDhNeDDuCrRP0qLjcAsoOZXoduXHtY0O985uzcsQ3\""
    " \"e7N4BuONyoRHsnXk1QIDAQAB\""
    "\n";
/* clang-format on */

#endif
