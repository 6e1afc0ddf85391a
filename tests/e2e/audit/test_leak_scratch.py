from __future__ import annotations
import random, secrets, signal, subprocess, sys, threading, time, os
from e2e.audit.test_erasure import POLICY, _REASON, everything_opened, holding, said, texts_of, ADDRESS
from e2e.support import command
from harness.processes import until

def test_kills(start_house, tmp_path):
    house = start_house(**POLICY)
    house.begin()
    data = house.weir.data
    rnd = random.Random(5)
    done: list[str] = []
    stop = threading.Event()
    errors = []
    from harness.clients import openai_client
    def talk():
        sdk = openai_client(house.weir.url, house.weir.ca, house.key)
        while not stop.is_set():
            word = f"planted {secrets.token_hex(10)} end"
            try:
                sdk.chat.completions.create(model="gpt-5-mini", messages=[{"role":"user","content":"opening"},{"role":"assistant","content":"yes"},{"role":"user","content":f"{word}, tell {ADDRESS}"}])
                done.append(word)
            except Exception as e:
                errors.append(type(e).__name__); time.sleep(0.2)
    threads = [threading.Thread(target=talk, daemon=True) for _ in range(2)]
    for t in threads: t.start()
    rows = until(lambda: f if len(f := texts_of(house)) >= 4 else None, "texts")
    user = str(rows[0].get("conversation_id") or "")
    print("USER", repr(user), file=sys.stderr)
    argv = [sys.executable, "-c", "import sys; from weir.cli.app import main; sys.exit(main())", "audit", "erase", "--conversation", user, *_REASON, "--yes", "--data", str(data)]
    codes = []
    t_end = time.time() + 60
    rounds = 0
    while time.time() < t_end:
        rounds += 1
        delay = rnd.uniform(0.2, 2.2)
        p = subprocess.Popen(argv, env={**os.environ, "PYTHONPATH": "addons"}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            p.wait(delay)
        except subprocess.TimeoutExpired:
            p.kill(); p.wait()
        codes.append(p.returncode)
        err = p.stderr.read().decode()
        if p.returncode not in (0, -9): print("ERR", err, file=sys.stderr)
        if rounds % 6 == 0:
            before = list(done)
            out = command("audit", "erase", "--conversation", user, *_REASON, "--yes", "--data", str(data))
            opened = everything_opened(data)
            left = [w for w in before if w in opened]
            print(rounds, len(before), "left", len(left), out.strip(), file=sys.stderr)
            assert not left
            assert not [w for w in before if holding(data, w)] if rounds == 6 else True
    stop.set()
    for t in threads: t.join()
    print("codes", codes, "errors", errors[:5], len(errors), file=sys.stderr)
    house.weir.stop()
    print([ (r['reason'], r['extra']) for r in house.records("erasure")][:4], len(house.records("erasure")), file=sys.stderr)
    print(command("audit", "verify", "--data", str(data)), file=sys.stderr)
