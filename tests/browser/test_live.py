"""What others do is there without reloading: other tabs, other browsers, programs."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.support.browser import Crowd, Person, add, box, delete, edit, items, menu, new_task, sent, shows


def test_another_tab(person: Person) -> None:
    """What one tab does another shows: a new task, a mark, a name, a removal."""
    first = person.sign_up()
    second = person.tab()
    add(first, "buy tea")
    expect(box(second, "buy tea")).to_be_visible()
    box(second, "buy tea").check()
    expect(box(first, "buy tea")).to_be_checked()
    field = edit(first, "buy tea")
    field.fill("buy green tea")
    field.press("Enter")
    expect(box(second, "buy green tea")).to_be_visible()
    delete(second, "buy green tea")
    expect(items(first)).to_have_count(0)


def test_another_browser(people: Crowd) -> None:
    """What one browser does another of the same account shows."""
    here, there = people.person(), people.person()
    first = here.sign_up()
    second = there.log_in(here.username)
    add(first, "buy tea")
    expect(box(second, "buy tea")).to_be_visible()
    box(second, "buy tea").check()
    expect(box(first, "buy tea")).to_be_checked()
    delete(first, "buy tea")
    expect(items(second)).to_have_count(0)


def test_a_program(person: Person) -> None:
    """What a program does through the API is shown."""
    page = person.sign_up()
    status, task = person.ask("POST", "/tasks", {"name": "from a program", "due": "2026-11-25"})
    assert status == 201
    expect(box(page, "from a program")).to_be_visible()
    person.ask("PATCH", f"/tasks/{task['id']}", {"done": True})
    expect(box(page, "from a program")).to_be_checked()
    person.ask("DELETE", f"/tasks/{task['id']}")
    expect(items(page)).to_have_count(0)


def test_eight_tabs(person: Person) -> None:
    """Eight tabs work, though a browser has six connections to a host: they share one stream."""
    tabs = [person.sign_up(), *(person.tab() for _ in range(7))]
    for tab in tabs:
        new_task(tab).wait_for()
    add(tabs[7], "buy tea")
    for tab in tabs:
        expect(box(tab, "buy tea")).to_be_visible()
    sent(tabs[7])
    _, answer = person.ask("GET", "/tasks")
    assert [task["name"] for task in answer["tasks"]] == ["buy tea"]


def test_the_tab_that_leads_is_closed(person: Person) -> None:
    """When the tab that talks to the server is closed another one does."""
    first = person.sign_up()
    second = person.tab()
    new_task(second).wait_for()
    first.close()
    add(second, "buy tea")
    sent(second)
    person.ask("POST", "/tasks", {"name": "from a program"})
    expect(box(second, "from a program")).to_be_visible()


def test_a_rename_and_somebody_elses_done(people: Crowd) -> None:
    """The same task changed in two browsers at once: what does not collide is merged."""
    here, there = people.person(), people.person()
    first = here.sign_up()
    add(first, "buy tea")
    second = there.log_in(here.username)
    expect(box(second, "buy tea")).to_be_visible()
    here.offline(True)
    field = edit(first, "buy tea")
    field.fill("buy green tea")
    field.press("Enter")
    box(second, "buy tea").check()
    sent(second)
    here.offline(False)
    for page in (first, second):
        expect(box(page, "buy green tea")).to_be_checked()


def test_two_names_of_one_task(people: Crowd) -> None:
    """The same name changed in two browsers at once: both are shown, and the person chooses."""
    here, there = people.person(), people.person()
    first = here.sign_up()
    add(first, "buy tea")
    second = there.log_in(here.username)
    expect(box(second, "buy tea")).to_be_visible()
    here.offline(True)
    for page, name in ((first, "buy green tea"), (second, "buy black tea")):
        field = edit(page, "buy tea")
        field.fill(name)
        field.press("Enter")
    sent(second)
    here.offline(False)
    question = first.get_by_role("group", name="buy green tea needs a decision")
    expect(question).to_contain_text("buy black tea")
    question.get_by_role("button", name="Keep what is here").click()
    for page, whose in ((first, "here"), (second, "there")):
        expect(box(page, "buy green tea"), whose).to_be_visible()
        expect(items(page)).to_have_count(1)


def test_one_task_edited_in_two_tabs(person: Person) -> None:
    """The same task edited in two tabs: what one saves while the other still types is not taken back by it."""
    first = person.sign_up()
    add(first, "buy tea")
    second = person.tab()
    edit(first, "buy tea")
    first.get_by_role("textbox", name="Notes").fill("two bags")
    field = edit(second, "buy tea")
    field.fill("buy green tea")
    field.press("Enter")
    sent(second)
    expect(box(first, "buy green tea")).to_be_visible()
    first.get_by_role("button", name="Save").click()
    expect(first.get_by_text("two bags")).to_be_visible()
    expect(second.get_by_text("two bags")).to_be_visible()
    for page in (first, second):
        shows(page, ["buy green tea"])


def test_removed_while_it_is_changed(people: Crowd) -> None:
    """What was written on a task that somebody else removed is not lost: the person decides."""
    here, there = people.person(), people.person()
    first = here.sign_up()
    add(first, "buy tea")
    second = there.log_in(here.username)
    expect(box(second, "buy tea")).to_be_visible()
    here.offline(True)
    field = edit(first, "buy tea")
    field.fill("buy green tea")
    field.press("Enter")
    delete(second, "buy tea")
    sent(second)
    here.offline(False)
    first.get_by_role("button", name="Keep it").click()
    for page in (first, second):
        expect(box(page, "buy green tea")).to_be_visible()


def test_removed_tasks_do_not_come_back(people: Crowd) -> None:
    """A task that was removed while a browser was away is gone there, and stays so after a reload."""
    here, there = people.person(), people.person()
    first = here.sign_up()
    add(first, "buy tea", "drink tea")
    second = there.log_in(here.username)
    expect(items(second)).to_have_count(2)
    there.offline(True)
    delete(first, "buy tea")
    sent(first)
    there.offline(False)
    expect(items(second)).to_have_count(1)
    second.reload()
    expect(box(second, "drink tea")).to_be_visible()
    shows(second, ["drink tea"])


def test_what_was_typed_is_nobody_elses_after_a_logout(person: Person) -> None:
    """What stood unsent in another tab is gone with the logout: the next person at this browser does not see it."""
    first = person.sign_up()
    second = person.tab()
    new_task(second).fill("a surprise for Ann")
    menu(first, "Log out")
    expect(second.get_by_role("button", name="Log in")).to_be_visible()
    person.sign_up()
    expect(new_task(second)).to_have_value("")
    second.reload()
    expect(new_task(second)).to_have_value("")
    assert "Ann" not in second.evaluate("JSON.stringify(sessionStorage)")


def test_logout_in_every_tab(person: Person) -> None:
    """Logging out in one tab logs all of them out, and nothing of the tasks is left in the browser."""
    first = person.sign_up()
    add(first, "secret")
    second = person.tab()
    expect(box(second, "secret")).to_be_visible()
    sent(first)
    menu(first, "Log out")
    for page in (first, second):
        expect(page.get_by_role("button", name="Log in")).to_be_visible()
        assert "secret" not in page.content()
    left = first.evaluate(
        """async () => {
          const found = [...Object.entries(localStorage), ...Object.entries(sessionStorage)].map(String);
          for (const { name } of await indexedDB.databases()) {
            const db = await new Promise((resolve) => {
              const request = indexedDB.open(name);
              request.onsuccess = () => resolve(request.result);
            });
            for (const store of db.objectStoreNames) {
              const all = db.transaction(store).objectStore(store).getAll();
              found.push(...await new Promise((resolve) => { all.onsuccess = () => resolve(all.result); }));
            }
            db.close();
          }
          return JSON.stringify(found);
        }"""
    )
    assert "secret" not in left
    assert person.username not in left
