"""Notes, due dates, order by hand with the mouse, and long lists."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from playwright.sync_api import Page, expect

from tests.support.browser import Crowd, Person, add, box, edit, item, items, names, new_task, sent, shows


def test_notes(page: Page) -> None:
    """Notes of several lines are kept as they were typed, and the first line is shown."""
    add(page, "buy tea")
    field = edit(page, "buy tea")
    page.get_by_role("textbox", name="Notes").fill("green\n  two bags\n")
    field.press("Enter")
    expect(item(page, "buy tea")).to_contain_text("green")
    expect(item(page, "buy tea")).not_to_contain_text("two bags")
    sent(page)
    page.reload()
    edit(page, "buy tea")
    expect(page.get_by_role("textbox", name="Notes")).to_have_value("green\n  two bags\n")


def test_due_today_tomorrow_overdue(page: Page) -> None:
    """A due date is shown as today, tomorrow or overdue, and can be taken away."""
    add(page, "buy tea")
    for button, text in (("Today", "Today"), ("Tomorrow", "Tomorrow")):
        edit(page, "buy tea")
        page.get_by_role("button", name=button).click()
        page.get_by_role("button", name="Save").click()
        expect(item(page, "buy tea").locator(".due")).to_have_text(text, ignore_case=True)
    edit(page, "buy tea")
    page.get_by_label("Due date").fill((date.today() - timedelta(days=3)).isoformat())
    page.get_by_role("button", name="Save").click()
    expect(item(page, "buy tea")).to_contain_text("Overdue")
    box(page, "buy tea").check()
    expect(item(page, "buy tea")).not_to_contain_text("Overdue")
    edit(page, "buy tea")
    page.get_by_role("button", name="No date").click()
    page.get_by_role("button", name="Save").click()
    expect(item(page, "buy tea").locator(".due")).to_have_count(0)


def test_a_due_time_is_kept(person: Person) -> None:
    """A due time that a program set stays, to the second and the offset, when the name is changed."""
    page = person.sign_up()
    due = "2031-11-25T14:30:17+05:30"
    _, task = person.ask("POST", "/tasks", {"name": "buy tea", "due": due})
    expect(box(page, "buy tea")).to_be_visible()
    field = edit(page, "buy tea")
    field.fill("buy green tea")
    field.press("Enter")
    sent(page)
    assert person.ask("GET", f"/tasks/{task['id']}")[1]["due"] == due
    edit(page, "buy green tea")
    page.get_by_label("Due time").fill("09:15")
    page.get_by_role("button", name="Save").click()
    sent(page)
    assert "T09:15:00" in person.ask("GET", f"/tasks/{task['id']}")[1]["due"]


def test_order_with_the_mouse(page: Page) -> None:
    """A task is dragged by its grip to another place, and stays there; a new task comes on top."""
    add(page, "three", "two", "one")
    start = item(page, "one").locator(".grip").bounding_box()
    end = item(page, "three").bounding_box()
    assert start is not None
    assert end is not None
    page.mouse.move(start["x"] + 5, start["y"] + 12)
    page.mouse.down()
    page.mouse.move(end["x"] + 20, end["y"] + 10, steps=5)
    page.mouse.move(end["x"] + 20, end["y"] + end["height"] - 5, steps=2)
    page.mouse.up()
    shows(page, ["two", "three", "one"])
    add(page, "new")
    sent(page)
    page.reload()
    expect(items(page)).to_have_count(4)
    shows(page, ["new", "two", "three", "one"])


def test_order_with_buttons(page: Page) -> None:
    """A task is moved without dragging and without a keyboard, too (WCAG 2.5.7); the editor stays open."""
    add(page, "two", "one")
    edit(page, "one")
    page.get_by_role("button", name="Move down").click()
    shows(page, ["two", "one"])
    expect(page.get_by_role("textbox", name="Name", exact=True)).to_be_visible()


def test_order_in_two_browsers(people: Crowd) -> None:
    """Two people who move tasks at once both see the same order in the end."""
    here, there = people.person(), people.person()
    first = here.sign_up()
    add(first, "four", "three", "two", "one")
    second = there.log_in(here.username)
    expect(items(second)).to_have_count(4)
    for person in (here, there):
        person.allowed = ("Failed to load resource: the server responded with a status of 412",)  # and then merged
    for page, name in ((first, "one"), (second, "two")):
        box(page, name).focus()
        page.keyboard.press("Alt+ArrowDown")
        page.keyboard.press("Alt+ArrowDown")
    sent(first)
    sent(second)
    first.reload()
    second.reload()
    for page in (first, second):
        expect(items(page)).to_have_count(4)
    shows(first, names(second))


def many(person: Person, count: int) -> None:
    """Give somebody many tasks, as a program would."""
    for begin in range(0, count, 500):
        operations: list[dict[str, Any]] = [
            {"op": "add", "key": f"many-{index}", "name": f"task {index}"} for index in range(begin, begin + 500)
        ]
        status, _ = person.ask("POST", "/tasks/batch", {"operations": operations})
        assert status == 200


def test_ten_thousand_tasks(person: Person) -> None:
    """Of 10,000 tasks only those that are seen are in the document; all can be reached, found, marked and removed."""
    page = person.sign_up()
    many(person, 10_000)
    expect(page.get_by_role("status")).to_have_text("10,000 left")
    assert page.evaluate("document.querySelectorAll('*').length") <= 400
    expect(items(page).first).to_have_attribute("aria-setsize", "10000")
    expect(items(page).first).to_have_attribute("aria-posinset", "1")
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    expect(page.locator("[aria-posinset='10000']")).to_be_visible()
    assert page.evaluate("document.querySelectorAll('*').length") <= 400
    page.locator("[aria-posinset='10000']").get_by_role("checkbox").check()
    expect(page.get_by_role("status")).to_have_text("9,999 left")
    page.get_by_role("searchbox", name="Search").fill("task 4321")
    expect(items(page)).to_have_count(1)
    box(page, "task 4321").check()
    page.get_by_role("searchbox", name="Search").fill("")
    expect(page.get_by_role("status")).to_have_text("9,998 left")
    sent(page)
    add(page, "one more")
    assert names(page)[0] == "one more"
    page.reload()
    expect(page.get_by_role("status")).to_have_text("9,999 left")


def test_keys_in_a_long_list(person: Person) -> None:
    """The keys move on beyond what was on the screen, and the page follows."""
    page = person.sign_up()
    many(person, 500)
    expect(page.get_by_role("status")).to_have_text("500 left")
    new_task(page).evaluate("(field) => field.blur()")
    for _ in range(40):
        page.keyboard.press("j")
    expect(page.locator("[aria-posinset='40'] .check")).to_be_focused()
    expect(page.locator("[aria-posinset='40']")).to_be_in_viewport()


def test_mark_all_of_many(person: Person) -> None:
    """Marking hundreds of tasks takes a few requests, not hundreds."""
    page = person.sign_up()
    many(person, 500)
    expect(page.get_by_role("status")).to_have_text("500 left")
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.method))
    page.get_by_role("button", name="Mark all done").click()
    expect(page.get_by_role("status")).to_have_text("0 left")
    sent(page)
    assert requests.count("POST") + requests.count("PATCH") <= 4
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("status")).to_have_text("500 left")


def test_a_list_is_never_cut(person: Person) -> None:
    """More tasks than fit into one answer of the server are all there."""
    page = person.sign_up()
    many(person, 2500)
    expect(page.get_by_role("status")).to_have_text("2,500 left")
    page.reload()
    expect(page.get_by_role("status")).to_have_text("2,500 left")
