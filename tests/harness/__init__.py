"""What end-to-end tests stand on: doubles and weir as real processes, real SDKs, a register of planted secrets.

    def test_an_address_comes_back(start_weir, doubles):
        weir = start_weir("enforce", identity__required=False)
        sdk = openai_client(weir.url, weir.ca, CANARIES.plant(virtual_key, "a virtual key"))
        reply = sdk.chat.completions.create(model="gpt-5-mini", messages=[...])
        assert ADDRESS not in doubles.only().body.decode()          # what the provider got
        assert ADDRESS in reply.choices[0].message.content          # what the client got
        assert weir.sql("select verdict from exchanges") == [("pseudonymise",)]

Every value that must not be written anywhere is planted; the end of the run looks for all of them in all artefacts.
How doubles misbehave on request stands in ``weir.demo.behave``.
"""
